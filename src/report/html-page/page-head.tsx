// The head of the page: the outcome and why, what was run, the totals in valgrind's words.
import { useState } from 'preact/hooks';
import { sentence } from '../sentence.ts';
import type { Summary } from './payload.ts';
import { replayFacts } from './request-words.ts';
import { chooseTheme, nextTheme, storedTheme } from './theme.tsx';
import {
  type Fact,
  gateFacts,
  outcomeSigns,
  profileFacts,
  reasonsOf,
  runFacts,
  totalFacts,
} from './words.ts';

interface Props {
  readonly summary: Summary;
  readonly onHelp: () => void;
}

export function PageHead({ summary, onHelp }: Props) {
  const { outcome, status } = summary;
  const facts: readonly Fact[] = [
    ...runFacts(summary),
    ...replayFacts(summary),
    ...profileFacts(summary),
    ...totalFacts(summary),
    ...gateFacts(summary),
  ];
  return (
    <header class="top">
      <div class={`verdict ${outcome}`}>
        <div class="buttons">
          <ThemeButton />
          <button type="button" class="small" onClick={onHelp} aria-label="Help: keys and what things mean">
            ?
          </button>
        </div>
        <h1>
          <span class="badge">
            <span aria-hidden="true">{outcomeSigns[outcome]}</span> {outcome}
          </span>{' '}
          <span class="status">exit status {status}</span>
        </h1>
        <ul class="reasons">
          {reasonsOf(summary).map((reason) => (
            <li key={reason}>{sentence(reason)}</li>
          ))}
        </ul>
      </div>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </header>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  const toggle = (): void => {
    const next = nextTheme(theme);
    chooseTheme(next);
    setTheme(next);
  };
  const sign = theme === 'auto' ? '◐' : theme === 'light' ? '☀' : '☾';
  return (
    <button
      type="button"
      class="small"
      onClick={toggle}
      aria-label={`Theme: ${theme}`}
      title={`Theme: ${theme}`}
    >
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}
