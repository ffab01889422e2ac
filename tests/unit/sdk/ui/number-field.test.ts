// @vitest-environment happy-dom
import { mount } from '@vue/test-utils';
import { expect, test } from 'vitest';
import NumberField from '../../../../sdk/src/ui/controls/NumberField.vue';

function field(props: Record<string, unknown> = {}) {
  const wrapper = mount(NumberField, {
    attachTo: document.body,
    props: {
      label: 'Width',
      min: 64,
      max: 2048,
      step: 8,
      initial: 512,
      modelValue: 512,
      'onUpdate:modelValue': (modelValue: number) => wrapper.setProps({ modelValue }),
      ...props,
    },
  });
  return { wrapper, input: wrapper.get('input'), value: () => wrapper.props('modelValue') };
}

test('an expression is worked out when the field is left', async () => {
  const { input, value } = field();
  await input.setValue('512*1.5');
  await input.trigger('blur');
  expect(value()).toBe(768);
  expect(input.element.value).toBe('768');
});

test('what is not a number is marked and changes nothing; Escape brings back what was there', async () => {
  const { input, value } = field();
  await input.setValue('wide');
  await input.trigger('blur');
  expect(value()).toBe(512);
  expect(input.attributes('aria-invalid')).toBe('true');
  await input.trigger('keydown', { key: 'Escape' });
  expect(input.element.value).toBe('512');
  expect(input.attributes('aria-invalid')).toBeUndefined();
});

test('arrow keys step, with Shift ten steps, never past the range', async () => {
  const { input, value } = field();
  await input.trigger('keydown', { key: 'ArrowUp' });
  expect(value()).toBe(520);
  await input.trigger('keydown', { key: 'ArrowDown', shiftKey: true });
  expect(value()).toBe(440);
  for (let press = 0; press < 40; press++) await input.trigger('keydown', { key: 'PageDown' });
  expect(value()).toBe(64);
});

test('the wheel does nothing until the field is focused', async () => {
  const { input, value } = field();
  input.element.blur();
  await input.trigger('wheel', { deltaY: -100 });
  expect(value()).toBe(512);
  input.element.focus();
  await input.trigger('wheel', { deltaY: -100 });
  expect(value()).toBe(520);
});

test('a changed value has a dot whose click brings the default back', async () => {
  const { wrapper, value } = field({ modelValue: 768 });
  await wrapper.get('button[aria-label="Width: back to 512"]').trigger('click');
  expect(value()).toBe(512);
  expect(wrapper.find('.dot').exists()).toBe(false);
});
