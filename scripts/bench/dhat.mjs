// Writes a large dhat.out, as dhat does of a program with many allocation sites. For `bench profiles`.
import { closeSync, openSync, writeSync } from 'node:fs';

/** A file of at least `size` bytes: some 290 for each site. Returns the sum of the bytes that its sites allocated. */
export function writeDhat(file, size) {
  let seed = 1;
  const random = (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 0x100000000) * below);
  };
  const frames = Array.from(
    { length: 20_000 },
    (_, index) =>
      `0x${(0x10a000 + index * 37).toString(16).toUpperCase()}: demo::module_${index % 300}::step_${index >> 2}(unsigned long) (source_${index % 300}.cpp:${1 + (index % 900)})`,
  );
  const paths = [[1, 2, 3]];
  const descriptor = openSync(file, 'w');
  let block = `{"dhatFileVersion":2
,"mode":"heap","verb":"Allocated"
,"bklt":true,"bkacc":true
,"tu":"instrs","Mtu":"Minstr"
,"tuth":500
,"cmd":"./demo"
,"pid":1
,"te":90000000000
,"tg":45000000000
,"pps":
 [`;
  let written = 0;
  let total = 0;
  for (let site = 0; written + block.length < size; site++) {
    const blocks = 1 + random(2000);
    const each = 8 * (1 + random(40));
    const bytes = blocks * each;
    total += bytes;
    // Paths grow out of each other, so that they share what is near main, which stands last.
    const from = paths[random(paths.length)];
    const shared = from.slice(random(Math.min(from.length, 6)));
    const fresh = shared.length > 24 ? 1 : 1 + random(3);
    const stack = [...Array.from({ length: fresh }, () => 1 + random(frames.length)), ...shared];
    paths[site < 5000 ? site : random(5000)] = stack;
    const accesses = site % 4 === 0 ? `\n  ,"acc":[-${each},${random(9000)}]` : '';
    block += `${site === 0 ? '' : ' ,'}{"tb":${bytes},"tbk":${blocks},"tl":${blocks * random(100000)}
  ,"mb":${each * (1 + random(blocks))},"mbk":${1 + random(blocks)}
  ,"gb":${each * random(blocks)},"gbk":${random(blocks)}
  ,"eb":0,"ebk":0
  ,"rb":${random(bytes)},"wb":${random(bytes)}${accesses}
  ,"fs":[${stack.join(',')}]
  }
`;
    if (block.length > 1 << 20) {
      written += writeSync(descriptor, block);
      block = '';
    }
  }
  block += ` ]\n,"ftbl":\n ["[root]"\n${frames.map((frame) => ` ,${JSON.stringify(frame)}\n`).join('')} ]\n}\n`;
  writeSync(descriptor, block);
  closeSync(descriptor);
  return total;
}
