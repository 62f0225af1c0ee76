// Tells keys that are typed into a field from keys that mean something to the page.

/** Keys typed into a field are text. */
export function isTyping(event: KeyboardEvent): boolean {
  const { target, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey) return true;
  return (
    target instanceof HTMLElement &&
    (/^(?:INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.closest('dialog') !== null)
  );
}
