// @vitest-environment happy-dom
import { beforeEach, expect, test } from 'vitest';
import { onKeys } from '../../../../frontend/src/shell/keys.js';

let pressed: string[];
const listener = onKeys(() =>
  ['Ctrl+Enter', 'Ctrl+Shift+Enter', 'Esc', 'Alt+1…9', 'J', '?'].map((keys) => ({ keys, what: '', run: () => pressed.push(keys) })),
);

beforeEach(() => {
  pressed = [];
  document.body.innerHTML = '<textarea></textarea><input type="range"><p></p>';
});

function press(on: string, init: KeyboardEventInit): void {
  const event = new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init });
  document.querySelector(on)!.addEventListener('keydown', (heard) => listener(heard as KeyboardEvent), { once: true });
  document.querySelector(on)!.dispatchEvent(event);
}

test('Ctrl+Enter and Ctrl+Shift+Enter are two keys, and work while typing', () => {
  press('textarea', { key: 'Enter', ctrlKey: true });
  press('textarea', { key: 'Enter', ctrlKey: true, shiftKey: true });
  expect(pressed).toEqual(['Ctrl+Enter', 'Ctrl+Shift+Enter']);
});

test('plain letters belong to text fields, not to sliders', () => {
  press('textarea', { key: 'j' });
  press('textarea', { key: '?', shiftKey: true });
  expect(pressed).toEqual([]);
  press('input', { key: 'j' });
  press('p', { key: '?', shiftKey: true });
  expect(pressed).toEqual(['J', '?']);
});

test('Alt and a digit go to a tab on any keyboard', () => {
  press('p', { key: '¡', code: 'Digit1', altKey: true });
  expect(pressed).toEqual(['Alt+1…9']);
});

test('Escape closes what is open before it cancels anything', () => {
  document.body.insertAdjacentHTML('beforeend', '<div role="dialog"></div>');
  press('p', { key: 'Escape' });
  expect(pressed).toEqual([]);
  document.querySelector('[role=dialog]')!.remove();
  press('p', { key: 'Escape' });
  expect(pressed).toEqual(['Esc']);
});
