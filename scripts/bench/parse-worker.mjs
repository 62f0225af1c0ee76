// One measurement of `bench parse`, in a process of its own: `node parse-worker.mjs READER FILE BUNDLE`, JSON on stdout.
//
// The XML libraries do the same job as vgrun's reader: a finding record for each <error>, with interned frames, through
// the same `interpret`. They read well-formed input only, so that is what the input is.
import { createReadStream, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [reader, file, bundle] = process.argv.slice(2);
const { valgrindXml, interpretMemcheck } = await import(pathToFileURL(bundle).href);

const readers = { vgrun: readVgrun, saxes: readSaxes, saxen: readSaxen, htmlparser2: readHtmlparser2 };
const tally = { findings: 0, stacks: 0, frames: 0 };

const start = performance.now();
await readers[reader]();
const ms = performance.now() - start;
process.stdout.write(JSON.stringify({ ...tally, ms, rssKiB: process.resourceUsage().maxRSS }));

function count(finding) {
  tally.findings++;
  tally.stacks += finding.stacks.length;
  for (const { frames } of finding.stacks) tally.frames += frames.length;
}

async function readVgrun() {
  let images = 0;
  const context = { artifact: file, nextImage: () => ++images, interpreterFor: () => interpretMemcheck };
  for await (const record of valgrindXml.read(createReadStream(file), context)) {
    if (record.type === 'finding') count(record);
  }
}

async function readSaxes() {
  const { SaxesParser } = await import('saxes');
  const parser = new SaxesParser();
  const { open, text, close } = createErrorBuilder();
  parser.on('opentag', ({ name }) => open(name));
  parser.on('text', text);
  parser.on('closetag', ({ name }) => close(name));
  for await (const chunk of createReadStream(file, 'utf8')) parser.write(chunk);
  parser.close();
}

async function readHtmlparser2() {
  const { Parser } = await import('htmlparser2');
  const { open, text, close } = createErrorBuilder();
  const parser = new Parser(
    { onopentagname: open, ontext: text, onclosetag: close },
    { xmlMode: true, decodeEntities: true },
  );
  for await (const chunk of createReadStream(file, 'utf8')) parser.write(chunk);
  parser.end();
}

/** saxen takes one string: it has no streaming, and no flat memory. */
async function readSaxen() {
  const { Parser } = await import('saxen');
  const parser = new Parser();
  const { open, text, close } = createErrorBuilder();
  parser.on('openTag', (name) => open(name));
  parser.on('text', (value, decode) => text(decode(value)));
  parser.on('closeTag', (name) => close(name));
  parser.parse(readFileSync(file, 'utf8'));
}

/** What a reader on top of a well-formed XML parser needs: elements in, finding records out. */
function createErrorBuilder() {
  const frames = new Map();
  const fields = { obj: 'object', fn: 'function', dir: 'directory', ip: 'ip', file: 'file' };
  let error;
  let frame;
  let stack;
  let value = '';

  function open(name) {
    value = '';
    if (name === 'error') error = { image: 1, threads: [], leakCheck: 1, parts: [] };
    else if (name === 'stack') stack = [];
    else if (name === 'frame') frame = {};
  }

  function text(piece) {
    value += piece;
  }

  function close(name) {
    if (error === undefined) return;
    if (frame !== undefined) {
      if (name === 'frame') {
        const key = `${frame.ip}|${frame.object}|${frame.function}|${frame.directory}|${frame.file}|${frame.line}`;
        const known = frames.get(key);
        if (known === undefined) frames.set(key, frame);
        stack.push(known ?? frame);
        frame = undefined;
      } else if (name === 'line') frame.line = Number(value);
      else frame[fields[name]] = value;
    } else if (name === 'stack') {
      error.parts.push({ type: 'stack', frames: stack });
      stack = undefined;
    } else if (name === 'auxwhat') error.parts.push({ type: 'text', text: value });
    else if (name === 'what' || name === 'text') error.what = value;
    else if (name === 'tid') error.tid = Number(value);
    else if (name === 'leakedbytes') error.leakedBytes = Number(value);
    else if (name === 'leakedblocks') error.leakedBlocks = Number(value);
    else if (name === 'kind' || name === 'unique') error[name] = value;
    else if (name === 'error') {
      count(interpretMemcheck(error));
      error = undefined;
    }
    value = '';
  }

  return { open, text, close };
}
