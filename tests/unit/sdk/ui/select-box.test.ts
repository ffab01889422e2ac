// @vitest-environment happy-dom
import { mount } from '@vue/test-utils';
import { expect, test } from 'vitest';
import { nextTick } from 'vue';
import SelectBox from '../../../../sdk/src/ui/controls/SelectBox.vue';

const many = Array.from({ length: 10_000 }, (_, index) => ({ value: `model-${index}`, label: `model-${index}` }));

async function opened(options: { value: string; label: string; unavailable?: string }[], modelValue?: string) {
  document.body.innerHTML = '';
  const wrapper = mount(SelectBox, { attachTo: document.body, props: { options, modelValue, label: 'Checkpoint' } });
  await wrapper.get('button').trigger('keydown', { key: 'ArrowDown' });
  await nextTick();
  await nextTick();
  const keys = document.querySelector<HTMLElement>('input.search, [role=listbox]')!;
  const press = async (key: string) => {
    keys.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await nextTick();
  };
  return { wrapper, keys, press };
}

test('of ten thousand only the rows in sight are rendered, and typing narrows them down', async () => {
  const { wrapper, keys, press } = await opened(many, 'model-7');
  expect(document.querySelectorAll('[role=option]').length).toBeLessThan(40);
  (keys as HTMLInputElement).value = 'model-9999';
  keys.dispatchEvent(new Event('input'));
  await nextTick();
  expect([...document.querySelectorAll('[role=option]')].map((option) => option.textContent?.trim())).toEqual(['model-9999']);
  await press('Enter');
  expect(wrapper.emitted('update:modelValue')).toEqual([['model-9999']]);
});

test('a few are chosen with arrow keys and Enter; one that is unavailable cannot be', async () => {
  const few = [
    { value: 'a', label: 'Automatic' },
    { value: 'k', label: 'Karras' },
    { value: 'f', label: 'Flow', unavailable: 'Not for this model' },
  ];
  const { wrapper, press } = await opened(few, 'a');
  await press('End');
  await press('Enter');
  expect(wrapper.emitted('update:modelValue')).toBeUndefined();
  await press('ArrowUp');
  await press('Enter');
  expect(wrapper.emitted('update:modelValue')).toEqual([['k']]);
});
