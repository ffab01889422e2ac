import type { ParameterSource } from './read-parameters.js';

/** Whether the page takes what is being dragged: a file, or text that is not on its way into a text field. Links are left to the browser. */
export function isTaken({ dataTransfer, target }: DragEvent): boolean {
  const types = dataTransfer?.types ?? [];
  if (types.includes('Files')) return true;
  return types.includes('text/plain') && !types.includes('text/uri-list') && !isTextField(target);
}

/** What was dropped: the first file, else the text. */
export function droppedIn({ dataTransfer }: DragEvent): ParameterSource | undefined {
  return dataTransfer?.files[0] ?? (dataTransfer?.getData('text/plain') || undefined);
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('textarea, input, [contenteditable]');
}
