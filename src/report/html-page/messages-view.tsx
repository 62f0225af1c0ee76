// What was said that is no finding, and what went wrong with the measuring.
import type { Problem } from '../../model/problem.ts';
import { hintSentence, sentence } from '../sentence.ts';
import { grouped } from '../terminal-text.ts';
import type { Summary } from './payload.ts';
import { StackView } from './stack-view.tsx';

const most = 1000;

const levelWords: Readonly<Record<Problem['level'], string>> = {
  incomplete: 'not seen whole',
  warning: 'warning',
  note: 'note',
};

const sources = {
  client: 'the program, through the instrument',
  warning: 'warning of the instrument',
  trace: 'trace of the instrument',
  tool: 'the instrument',
  'fatal-signal': 'fatal signal',
} as const;

export function MessagesView({ summary: { messages, problems } }: { readonly summary: Summary }) {
  return (
    <section class="messages" aria-labelledby="messages-title">
      <h2 id="messages-title">Messages and problems</h2>
      {problems.length > 0 && <h3>Problems with the measuring</h3>}
      {problems.slice(0, most).map((problem, number) => (
        <div key={number} class={`message ${problem.level}`}>
          <p>
            <span class="chip">{levelWords[problem.level]}</span> {sentence(problem.message)}
          </p>
          {problem.hint !== undefined && <p class="advice">→ {hintSentence(problem.hint)}</p>}
          {problem.quote !== undefined && <pre tabIndex={0}>{problem.quote}</pre>}
          {problem.artifact !== undefined && (
            <p class="quiet">
              {problem.artifact}
              {problem.offset === undefined ? '' : `, byte ${grouped(problem.offset)}`}
            </p>
          )}
        </div>
      ))}
      {messages.length > 0 && <h3>Messages</h3>}
      {messages.slice(0, most).map((message, number) => (
        <div key={number} class={`message ${message.source}`}>
          <p class="quiet">
            process {message.pid}, {sources[message.source]}
          </p>
          <pre tabIndex={0}>{message.text.trimEnd()}</pre>
          {message.stack !== undefined && message.stack.frames.length > 0 && (
            <StackView stack={message.stack} text={message.stack.text} blamed={undefined} />
          )}
        </div>
      ))}
      {Math.max(messages.length, problems.length) > most && (
        <p class="quiet">Each list is cut at {grouped(most)}.</p>
      )}
    </section>
  );
}
