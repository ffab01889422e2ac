/** What the keyboard can do from anywhere on the page. */
export interface KeyBinding {
  /** As it is shown, and as it is matched: `Ctrl+Enter`, `Alt+1…9`, `J`. */
  keys: string;
  /** In English; translated where it is shown. */
  what: string;
  run(event: KeyboardEvent): void;
}

/** Calls the binding whose keys were pressed. Plain letters are left to text fields. */
export function onKeys(bindings: () => readonly KeyBinding[]): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const binding = bindings().find(({ keys }) => matches(keys, event));
    if (!binding) return;
    event.preventDefault();
    binding.run(event);
  };
}

function matches(keys: string, event: KeyboardEvent): boolean {
  const parts = keys.split('+');
  const key = parts.pop()!;
  const wantsCtrl = parts.includes('Ctrl');
  const wantsAlt = parts.includes('Alt');
  if (wantsCtrl !== (event.ctrlKey || event.metaKey) || wantsAlt !== event.altKey) return false;
  if (key === '1…9') return /^Digit[1-9]$/.test(event.code);
  if (key === '?') return event.key === '?' && !isTyping(event);
  if (parts.includes('Shift') !== event.shiftKey) return false;
  if (key === 'Esc') return event.key === 'Escape' && !isSomethingOpen();
  if (key.length === 1 && !wantsCtrl && !wantsAlt && isTyping(event)) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return target.matches('textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range])');
}

/** A menu, a popover or a dialog takes Escape for itself. */
function isSomethingOpen(): boolean {
  return document.querySelector('[role=dialog], [role=menu], [role=alertdialog]') !== null;
}
