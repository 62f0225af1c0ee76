// `vgrun explain KIND`: what a kind of finding means, its usual causes, how to fix it.
import { type Explanation, explain } from '../analyze/explain.ts';
import { kinds } from '../analyze/kinds-all.ts';
import { UserError } from '../errors.ts';
import { wrap } from '../report/terminal-text.ts';
import { isAnswered, subCommand } from './sub-command.ts';

export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await subCommand(
    'explain',
    '[KIND]\n\nExplains a kind of finding: InvalidRead, memcheck/UninitCondition, heap-use-after-free,\n"Invalid read of size 4". With a tool (asan): lists its kinds. Without a kind: lists all of them.',
    argv,
  ).parseAsync();
  if (isAnswered(argv)) return 0;

  const columns = Math.min(process.stdout.columns ?? 100, 100);
  // A sentence of the tool needs no quotes: `vgrun explain Invalid read of size 4`.
  const query = wishes._.map(String).join(' ');
  if (query === '') {
    process.stdout.write(listed(kinds.map(({ tool, kind, title }) => ({ rule: `${tool}/${kind}`, title }))));
    return 0;
  }
  const answer = explain(query);
  if (!answer.found) {
    throw new UserError(
      `no kind is known as "${query}"`,
      answer.suggestions.length > 0
        ? `did you mean ${answer.suggestions.join(' or ')}?`
        : 'vgrun explain lists all kinds',
    );
  }
  if (answer.tool !== undefined) {
    process.stdout.write(listed(answer.explanations));
    return 0;
  }
  process.stdout.write(answer.explanations.map((explanation) => layOut(explanation, columns)).join('\n'));
  return 0;
}

function listed(rules: readonly Pick<Explanation, 'rule' | 'title'>[]): string {
  return rules.map(({ rule, title }) => `${rule.padEnd(48)}  ${title}\n`).join('');
}

function layOut(explanation: Explanation, columns: number): string {
  const { rule, severity, title, meaning, advice, sections } = explanation;
  return [
    `${rule}  (${severity})`,
    title,
    '',
    ...fold(meaning, columns, ''),
    ...fold(advice, columns, ''),
    ...sections.flatMap(({ heading, items }) => [
      '',
      heading,
      ...items.flatMap((item) => fold(item, columns, '  - ')),
    ]),
    '',
  ].join('\n');
}

/** Breaks a paragraph at spaces; `mark` stands before the first line, and as much space before the others. */
function fold(text: string, columns: number, mark: string): string[] {
  return wrap(text, columns - mark.length).map(
    (line, index) => (index === 0 ? mark : ' '.repeat(mark.length)) + line,
  );
}
