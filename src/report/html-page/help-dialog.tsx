// What the keys do and what the signs mean.
import { useEffect, useRef } from 'preact/hooks';
import { ownerWords, severitySigns } from './words.ts';

const keys: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['j, ↓ and k, ↑', 'next and previous row'],
  ['Enter', 'open the finding, open or close the group'],
  ['→ and ←', 'open and close a group; in a graph of calls, next and previous call'],
  ['↑ and ↓', 'in a graph of calls, callers and calls as they are drawn; Enter zooms in'],
  ['Home, End', 'first and last row'],
  ['Esc', 'back to the list; out of the search; out of a zoom'],
  ['?', 'this help'],
];

export function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="help-title">
      <h2 id="help-title">Help</h2>
      <h3>Keys</h3>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3>Signs</h3>
      <p>
        {Object.entries(severitySigns).map(([severity, sign]) => (
          <span key={severity} class={`severity ${severity}`}>
            <span aria-hidden="true">{sign}</span> {severity}{' '}
          </span>
        ))}
      </p>
      <p>
        Every call has an owner: {Object.values(ownerWords).join(', ')}. A finding is blamed on the innermost
        call of your code. Calls that are not yours are folded; open them with the button that stands in their
        place.
      </p>
      <p>
        A finding that is marked “does not fail” was found but has no influence on the outcome; its page says
        why.
      </p>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
