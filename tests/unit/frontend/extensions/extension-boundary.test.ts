// @vitest-environment happy-dom
import { mount } from '@vue/test-utils';
import { expect, test, vi } from 'vitest';
import { defineComponent, h, nextTick, ref } from 'vue';
import ExtensionBoundary from '../../../../frontend/src/extensions/ExtensionBoundary.vue';

test('a component that throws is replaced by its extension’s name and the error; the rest of the page goes on', async () => {
  const isBroken = ref(true);
  const Foreign = defineComponent(() => () => {
    if (isBroken.value) throw new Error('history is null');
    return h('p', 'works');
  });
  const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const page = mount(() => [h('h1', 'Atelier'), h(ExtensionBoundary, { extension: 'prompt-history' }, () => h(Foreign))]);
  await nextTick();
  expect(page.text()).toContain('Atelier');
  expect(page.get('[role=alert]').text()).toContain('history is null');
  expect(page.get('[role=alert]').text()).toContain('Extension “prompt-history”');
  expect(log).toHaveBeenCalled();
  log.mockRestore();

  isBroken.value = false;
  await page.get('button').trigger('click');
  expect(page.text()).toContain('works');
});
