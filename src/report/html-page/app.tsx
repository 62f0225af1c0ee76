// The page: its head, its parts, and which of them the address asks for.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ReportStop } from '../../model/report.ts';
import { grouped } from '../terminal-text.ts';
import { ComparisonView } from './comparison-view.tsx';
import { FindingsView } from './findings-view.tsx';
import { FunctionsView } from './functions-view.tsx';
import { usePlace } from './hash-state.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { LeaksView } from './leaks-view.tsx';
import { MessagesView } from './messages-view.tsx';
import { PageHead } from './page-head.tsx';
import type { ProfileHead } from './payload.ts';
import { flag, has, type Index, leakBytes, type Summary } from './payload.ts';
import { ProcessesView } from './processes-view.tsx';
import { ProfileGate } from './profile-choice.tsx';
import { ProfileView } from './profile-view.tsx';
import { RequestsView } from './requests-view.tsx';
import { catalogue } from './rows.ts';
import { SourceView } from './source-view.tsx';
import { StopsView } from './stops-view.tsx';
import { SuppressionsView } from './suppressions-view.tsx';
import { isTyping } from './typing.tsx';

interface Part {
  readonly hash: string;
  readonly name: string;
  /** Missing where a number would tell nothing. */
  readonly count?: number;
}

export function App({ index, summary }: { readonly index: Index; readonly summary: Summary }) {
  const known = useMemo(() => catalogue(index, summary), [index, summary]);
  const { part: hash } = usePlace();
  const [help, setHelp] = useState(false);
  const parts = useMemo(() => partsOf(index, summary), [index, summary]);
  const open = index.byId.get(hash);
  const missing = missingId(hash, open);
  const part =
    open !== undefined || missing !== undefined
      ? 'findings'
      : (parts.find((each) => each.hash === hash)?.hash ?? parts[0]?.hash ?? 'findings');

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
            {name} {count !== undefined && <span class="count">{grouped(count)}</span>}
          </a>
        ))}
      </nav>
      <main>
        {part === 'findings' && (
          <FindingsView known={known} summary={summary} open={open} missing={missing} />
        )}
        {part === 'profile' && <ProfileGate key={part} part={part} summary={summary} view={ProfileView} />}
        {part === 'functions' && (
          <ProfileGate key={part} part={part} summary={summary} view={FunctionsView} />
        )}
        {part === 'source' && <ProfileGate key={part} part={part} summary={summary} view={SourceView} />}
        {part === 'threads' && <StopsView summary={summary} />}
        {part === 'leaks' && <LeaksView index={index} />}
        {part === 'requests' && <RequestsView index={index} summary={summary} />}
        {part === 'processes' && <ProcessesView summary={summary} />}
        {part === 'messages' && <MessagesView summary={summary} />}
        {part === 'suppressions' && <SuppressionsView summary={summary} />}
        {part === 'compared' && <ComparisonView known={known} summary={summary} />}
      </main>
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </div>
  );
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
  const { comparison, replay, messages, problems, processes, suppressions } = summary;
  const profiles = summary.profiles ?? [];
  const ofProfile = profileParts(profiles);
  const findings = { hash: 'findings', name: 'Findings', count: shown };
  const stops = summary.stops ?? [];
  const all: readonly Part[] = [
    { hash: 'threads', name: 'Threads', count: new Set(stops.flatMap(threadsOf)).size },
    { hash: 'requests', name: 'Requests', count: replay?.requests.length ?? 0 },
    { hash: 'leaks', name: 'Leaks', count: leaks },
    { hash: 'processes', name: 'Processes', count: processes.length },
    { hash: 'messages', name: 'Messages', count: messages.length + problems.length },
    { hash: 'suppressions', name: 'Suppressions', count: suppressions.length },
  ];
  return [
    ...(shown === 0 && stops.length > 0 ? [{ hash: 'threads', name: 'Threads' }] : []),
    // Where there is a profile and no finding, the profile is what the reader came for.
    ...(shown > 0 || ofProfile.length === 0 ? [findings] : []),
    ...ofProfile,
    ...(shown === 0 && index.findings > 0 && ofProfile.length > 0 ? [findings] : []),
    ...all.filter(({ hash, count }) => count !== 0 && !(hash === 'threads' && shown === 0)),
    ...(comparison === undefined
      ? []
      : [
          {
            hash: 'compared',
            name: 'Compared',
            count: comparison.new + comparison.changed + comparison.fixed.length,
          },
        ]),
  ];
}

function threadsOf({ pid, threads }: ReportStop): readonly string[] {
  return threads.map(({ lwp, number }) => `${pid} ${lwp} ${number}`);
}

function profileParts(heads: readonly ProfileHead[]): readonly Part[] {
  if (heads.length === 0) return [];
  const most = (of: (head: ProfileHead) => number): number => Math.max(...heads.map(of));
  const name =
    heads[0]?.timeline === true
      ? 'Heap over time'
      : most(({ trees }) => trees) > 0
        ? 'Flame graph'
        : 'Profile';
  const parts: readonly Part[] = [
    { hash: 'functions', name: 'Functions', count: most(({ functions }) => functions) },
    { hash: 'source', name: 'Source', count: most(({ lines }) => lines) },
  ];
  return [{ hash: 'profile', name }, ...parts.filter(({ count }) => count !== 0)];
}
