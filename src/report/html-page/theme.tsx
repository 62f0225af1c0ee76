// Light or dark: as the system says, unless the reader chose. Browsers may refuse to remember it for a file.

export type Theme = 'auto' | 'light' | 'dark';

const key = 'vgrun-theme';
const themes: readonly Theme[] = ['auto', 'light', 'dark'];

/** Before the first paint. */
export function applyStoredTheme(): void {
  applyTheme(storedTheme());
}

export function storedTheme(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

export function chooseTheme(theme: Theme): void {
  applyTheme(theme);
  try {
    localStorage.setItem(key, theme);
  } catch {
    // It then lasts as long as the page is open.
  }
}

export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
}

function applyTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
