// Source lines around the one that matters.
import type { Excerpt } from '../../model/report.ts';

export function ExcerptView({
  excerpt,
  line,
}: {
  readonly excerpt: Excerpt;
  readonly line: number | undefined;
}) {
  const width = String(excerpt.firstLine + excerpt.lines.length - 1).length;
  return (
    <pre class="excerpt" tabIndex={0} aria-label="Source">
      {excerpt.lines.map((text, offset) => {
        const number = excerpt.firstLine + offset;
        const here = number === line;
        return (
          <span key={number} class={here ? 'line here' : 'line'}>
            <span class="number">
              {here ? '▶' : ' '} {String(number).padStart(width)}
            </span>
            {text}
            {'\n'}
          </span>
        );
      })}
    </pre>
  );
}
