import { expect, test } from 'vitest';
import { z } from '@atelier/sdk';
import { Txt2ImgRequest } from '@atelier/sdk/contracts';
import { aspectOf } from '../../../../../frontend/src/features/txt2img/aspect.js';
import { readInfotext } from '../../../../../frontend/src/features/txt2img/infotext.js';
import { optionsOf, parameter } from '../../../../../frontend/src/features/txt2img/parameters.js';

test('a control has the range, step, default and help of the schema that the server checks by', () => {
  expect(parameter('width')).toMatchObject({ min: 16, max: 2048, step: 8, initial: 256, help: Txt2ImgRequest.shape.width.description });
  expect(parameter('steps')).toMatchObject({ min: 1, max: 150, step: 1, initial: 20 });
  expect(parameter('cfgScale')).toMatchObject({ min: 1, max: 30, step: 0.5 });
  expect(parameter('rng').choices).toEqual(['NV', 'CPU']);
});

test('a sampler’s options become controls from the schema it declares', () => {
  const schema = z.toJSONSchema(z.object({ at: z.number().min(0.1).max(0.9).default(0.5).describe('How far.') }), { io: 'input' });
  expect(optionsOf(schema)).toEqual([['at', expect.objectContaining({ min: 0.1, max: 0.9, step: 0.01, initial: 0.5, help: 'How far.' })]]);
});

test.each([
  [512, 512, '1:1'],
  [512, 768, '2:3'],
  [1920, 1080, '16:9'],
  [1368, 768, '≈ 16:9'],
  [768, 1368, '≈ 9:16'],
  [2048, 64, '32.00'],
])('%d × %d is %s', (width, height, aspect) => expect(aspectOf(width, height)).toBe(aspect));

test('the parameters text of a picture is taken apart for showing', () => {
  const text =
    'a boat,\nstars\nNegative prompt: rain, fog\nSteps: 20, Sampler: DPM++ 2M, Size: 256x256, Note: "a, b", Version: atelier-0.1.0';
  expect(readInfotext(text)).toEqual({
    prompt: 'a boat,\nstars',
    negativePrompt: 'rain, fog',
    entries: [
      ['Steps', '20'],
      ['Sampler', 'DPM++ 2M'],
      ['Size', '256x256'],
      ['Note', '"a, b"'],
      ['Version', 'atelier-0.1.0'],
    ],
  });
  expect(readInfotext('only a prompt')).toEqual({ prompt: 'only a prompt', negativePrompt: '', entries: [] });
  expect(readInfotext('\nNegative prompt: rain\nSteps: 1').negativePrompt).toBe('rain');
});
