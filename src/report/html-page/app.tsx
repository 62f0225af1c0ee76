// The page: its head, its parts, and which of them the address asks for.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { grouped } from '../terminal-text.ts';
import { ComparisonView } from './comparison-view.tsx';
import { FindingsView } from './findings-view.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { LeaksView } from './leaks-view.tsx';
import { MessagesView } from './messages-view.tsx';
import { PageHead } from './page-head.tsx';
import { flag, has, type Index, leakBytes, type Summary } from './payload.ts';
import { ProcessesView } from './processes-view.tsx';
import { catalogue } from './rows.ts';
import { SuppressionsView } from './suppressions-view.tsx';

interface Part {
  readonly hash: string;
  readonly name: string;
  readonly count: number;
}

export function App({ index, summary }: { readonly index: Index; readonly summary: Summary }) {
  const known = useMemo(() => catalogue(index, summary), [index, summary]);
  const hash = useHash();
  const [help, setHelp] = useState(false);
  const parts = useMemo(() => partsOf(index, summary), [index, summary]);
  const part = parts.find((each) => each.hash === hash)?.hash ?? 'findings';
  const open = index.byId.get(hash);

  // So that the first search is as fast as the others. Not every browser knows what idle is.
  useEffect(() => {
    if ('requestIdleCallback' in window) requestIdleCallback(() => known.matches('?'));
  }, [known]);

  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.key !== '?' || isTyping(event)) return;
      event.preventDefault();
      setHelp(true);
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);

  return (
    <div class={open === undefined ? 'page' : 'page reading'}>
      <PageHead summary={summary} onHelp={() => setHelp(true)} />
      <nav class="parts" aria-label="Parts of the report">
        {parts.map(({ hash: target, name, count }) => (
          <a key={target} href={`#${target}`} aria-current={part === target ? 'page' : undefined}>
            {name} <span class="count">{grouped(count)}</span>
          </a>
        ))}
      </nav>
      <main>
        {part === 'findings' && (
          <FindingsView known={known} summary={summary} open={open} missing={missingId(hash, open)} />
        )}
        {part === 'leaks' && <LeaksView index={index} />}
        {part === 'processes' && <ProcessesView summary={summary} />}
        {part === 'messages' && <MessagesView summary={summary} />}
        {part === 'suppressions' && <SuppressionsView summary={summary} />}
        {part === 'compared' && <ComparisonView known={known} summary={summary} />}
      </main>
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </div>
  );
}

/** Keys typed into a field are text. */
export function isTyping(event: KeyboardEvent): boolean {
  const { target, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey) return true;
  return (
    target instanceof HTMLElement &&
    (/^(?:INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.closest('dialog') !== null)
  );
}

function useHash(): string {
  const read = (): string => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return '';
    }
  };
  const [hash, setHash] = useState(read);
  useEffect(() => {
    const listen = (): void => setHash(read());
    addEventListener('hashchange', listen);
    return () => removeEventListener('hashchange', listen);
  }, []);
  return hash;
}

function missingId(hash: string, open: number | undefined): string | undefined {
  return open === undefined && /^F-[0-9a-f]+$/i.test(hash) ? hash : undefined;
}

function partsOf(index: Index, summary: Summary): readonly Part[] {
  let shown = 0;
  let leaks = 0;
  for (let finding = 0; finding < index.findings; finding++) {
    if (!has(index, finding, flag.hidden)) shown++;
    if (leakBytes(index, finding) !== undefined) leaks++;
  }
  const { comparison, messages, problems, processes, suppressions } = summary;
  const all: readonly (Part & { readonly always?: boolean })[] = [
    { hash: 'findings', name: 'Findings', count: shown, always: true },
    { hash: 'leaks', name: 'Leaks', count: leaks },
    { hash: 'processes', name: 'Processes', count: processes.length },
    { hash: 'messages', name: 'Messages', count: messages.length + problems.length },
    { hash: 'suppressions', name: 'Suppressions', count: suppressions.length },
    {
      hash: 'compared',
      name: 'Compared',
      count: comparison === undefined ? 0 : comparison.new + comparison.changed + comparison.fixed.length,
      always: comparison !== undefined,
    },
  ];
  return all.filter(({ count, always }) => always === true || count > 0);
}
