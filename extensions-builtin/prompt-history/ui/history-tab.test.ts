// @vitest-environment happy-dom
import { extensionIdKey, fill, pageHostKey, type PageHost } from '@atelier/sdk/ui';
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { expect, test, vi } from 'vitest';
import { ref } from 'vue';
import HistoryTab from './HistoryTab.vue';

const entry = { prompt: 'a cat', negativePrompt: 'fog', usedAt: '2026-10-01T12:00:00.000Z' };

/** The tab in a page whose server half answers with `callRoute`. */
async function tab(callRoute: PageHost['callRoute']): Promise<{ wrapper: VueWrapper; host: PageHost }> {
  const host = { callRoute, positive: ref(''), negative: ref(''), jobs: ref([]), t: fill } as unknown as PageHost;
  const wrapper = mount(HistoryTab, {
    global: { provide: { [pageHostKey as symbol]: host, [extensionIdKey as symbol]: 'prompt-history' } },
  });
  await flushPromises();
  return { wrapper, host };
}

test('a click on an entry brings both prompts back into the form', async () => {
  const { wrapper, host } = await tab(async () => [entry]);
  await wrapper.get('.entry').trigger('click');
  expect([host.positive.value, host.negative.value]).toEqual(['a cat', 'fog']);
});

test('without entries the tab says what will be here', async () => {
  const { wrapper } = await tab(async () => []);
  expect(wrapper.text()).toContain('No prompts yet');
});

test('what is typed into the search is asked of the server half', async () => {
  const callRoute = vi.fn(async () => [entry]);
  const { wrapper } = await tab(callRoute);
  await wrapper.get('input').setValue('cat');
  await flushPromises();
  expect(callRoute).toHaveBeenLastCalledWith('prompt-history', 'recent', { limit: 200, search: 'cat' });
});

test('a failure is shown with its hint, beside a way to try again', async () => {
  const answers = [
    () => Promise.reject(Object.assign(new Error('The engine is not there.'), { code: 'engine-starting', hint: 'Wait a moment.' })),
  ];
  const { wrapper } = await tab(() => (answers.shift() ?? (async () => [entry]))());
  expect(wrapper.get('[role=alert]').text()).toContain('Wait a moment.');
  await wrapper.get('.fix').trigger('click');
  await flushPromises();
  expect(wrapper.find('[role=alert]').exists()).toBe(false);
});
