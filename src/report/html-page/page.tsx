// Starts the page: the theme before the first paint, the report as soon as its data is there.
import { render } from 'preact';
import { App } from './app.tsx';
import { readIndex } from './data-block.tsx';
import { startPlaces } from './hash-state.tsx';
import { applyStoredTheme } from './theme.tsx';

applyStoredTheme();
document.addEventListener('DOMContentLoaded', start);

async function start(): Promise<void> {
  const place = document.getElementById('app');
  if (place === null) return;
  try {
    const { index, summary } = await readIndex();
    startPlaces();
    place.replaceChildren();
    render(<App index={index} summary={summary} />, place);
    document.documentElement.dataset.ready = 'yes';
  } catch (error) {
    // The part that needs no script is still there.
    const notice = document.createElement('p');
    notice.className = 'notice';
    notice.textContent = `The full report could not be opened, so this is its short form. ${String(error)}`;
    place.prepend(notice);
  }
}
