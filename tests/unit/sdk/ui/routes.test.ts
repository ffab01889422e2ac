// @vitest-environment happy-dom
import { mount } from '@vue/test-utils';
import { expect, test } from 'vitest';
import { computed, defineComponent, h, isRef, ref, type VNode } from 'vue';
import { defineRoute, type RouteContext, z } from '@atelier/sdk';
import { extensionIdKey, type PageHost, pageHostKey, usePrompt, useRoutes } from '@atelier/sdk/ui';

const routes = {
  recent: defineRoute({
    input: z.object({ limit: z.int().default(50) }),
    output: z.array(z.string()),
    handle: ({ limit }) => Array<string>(limit).fill('a cat'),
  }),
};

function render(setup: () => () => VNode, calls: unknown[] = []) {
  const host = {
    async callRoute(...call: [string, 'recent', { limit: number }]) {
      calls.push(call);
      return routes[call[1]].handle(call[2], {} as RouteContext);
    },
    positive: ref('a cat'),
    negative: ref(''),
    jobs: computed(() => []),
  } as unknown as PageHost;
  return {
    host,
    wrapper: mount(defineComponent({ setup }), {
      global: { provide: { [pageHostKey as symbol]: host, [extensionIdKey as symbol]: 'prompt-history' } },
    }),
  };
}

test('a route is called by its name, on behalf of the extension that asks', async () => {
  const calls: unknown[] = [];
  let answer: Promise<string[]> | undefined;
  render(() => {
    const api = useRoutes<typeof routes>();
    expect(isRef(api)).toBe(false); // Vue looks at everything a setup returns
    answer = api.recent({ limit: 3 });
    return () => h('i');
  }, calls);
  expect(await answer).toEqual(['a cat', 'a cat', 'a cat']);
  expect(calls).toEqual([['prompt-history', 'recent', { limit: 3 }]]);
});

test('the prompt of the form can be read and written', () => {
  const { host } = render(() => {
    const { positive } = usePrompt();
    expect(positive.value).toBe('a cat');
    positive.value = 'a dog';
    return () => h('i');
  });
  expect(host.positive.value).toBe('a dog');
});
