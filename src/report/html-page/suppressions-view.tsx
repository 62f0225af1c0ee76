// The suppressions that hid something.
import { grouped } from '../terminal-text.ts';
import type { Summary } from './payload.ts';

const most = 1000;

export function SuppressionsView({ summary: { suppressions } }: { readonly summary: Summary }) {
  const used = [...suppressions].sort((a, b) => b.count - a.count);
  return (
    <section aria-labelledby="suppressions-title">
      <h2 id="suppressions-title">Suppressions that hid something</h2>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="number">
                Times
              </th>
              <th scope="col" class="number">
                Bytes
              </th>
              <th scope="col" class="number">
                Blocks
              </th>
              <th scope="col">Place</th>
            </tr>
          </thead>
          <tbody>
            {used.slice(0, most).map(({ name, count, bytes, blocks, place }, number) => (
              <tr key={number}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td class="number">{grouped(count)}</td>
                <td class="number">{bytes === undefined ? 'not known' : grouped(bytes)}</td>
                <td class="number">{blocks === undefined ? 'not known' : grouped(blocks)}</td>
                <td>{place ?? 'not known'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
