import { expect, test } from 'vitest';
import { runJob } from '../../../../backend/src/testing/index.js';

const request = { width: 64, height: 64, steps: 3, seed: 1, sampler: 'euler', cfgScale: 3 } as const;

async function picture(prompt: string, negativePrompt = ''): Promise<Uint8Array> {
  return (await runJob({ ...request, prompt, negativePrompt }, { model: 'tiny' })).images[0].image.data;
}

test('a prompt that changes is the first text until it changes, and the second from then on', async () => {
  expect(await picture('[a cat:a dog:2]')).toEqual(await picture('a cat')); // calls 0 to 2, which are all
  expect(await picture('[a cat:a dog:0]')).toEqual(await picture('a dog'));
  expect(await picture('[a cat:a dog:0.4]')).not.toEqual(await picture('a cat'));
  expect(await picture('a cat', '[blurry:ugly:0]')).toEqual(await picture('a cat', 'ugly'));
});

test('prompts that are joined by AND count by their weights', async () => {
  expect(await picture('a cat AND a dog :0')).toEqual(await picture('a cat'));
  expect(await picture('a cat AND a dog')).not.toEqual(await picture('a cat'));
});

test('comments are not part of the prompt, nor of what the picture says about itself', async () => {
  const { images } = await runJob({ ...request, prompt: 'a cat # with a hat\n' }, { model: 'tiny' });
  expect(images[0].parameters.split('\n')[0]).toBe('a cat');
  expect(images[0].image.data).toEqual(await picture('a cat'));
});
