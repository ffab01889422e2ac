import { readonly, ref } from 'vue';

/** Something that was done, for a moment, with a way to take it back. */
export interface Toast {
  id: number;
  text: string;
  undo?: () => void;
}

const SHOWN_MS = 8000;
const shown = ref<Toast[]>([]);
let lastId = 0;

/** The toasts in sight, the oldest first. */
export const toasts = readonly(shown);

/** Tells what was done. With `undo` the toast offers to take it back. Never for errors: those stay beside what failed. */
export function showToast(text: string, undo?: () => void): void {
  const toast = { id: ++lastId, text, undo };
  shown.value = [...shown.value.slice(-2), toast];
  setTimeout(() => dismissToast(toast.id), SHOWN_MS);
}

export function dismissToast(id: number): void {
  shown.value = shown.value.filter((toast) => toast.id !== id);
}
