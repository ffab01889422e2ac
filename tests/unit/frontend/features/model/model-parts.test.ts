import { expect, test } from 'vitest';
import type { CheckpointEntry, MissingPart, TextEncoderEntry, VaeEntry } from '@atelier/sdk/contracts';
import {
  automaticParts,
  chooseTextEncoder,
  misfits,
  partsThatFit,
  stillMissing,
  textEncoderChosen,
  textEncodersOf,
} from '../../../../../frontend/src/features/model/model-parts.js';

const lack = (part: MissingPart['part'], choices: string[], isOptional = false): MissingPart => ({
  part,
  isOptional,
  choices,
  message: '',
  hint: '',
});
const sd3 = {
  name: 'sd3',
  latentChannels: 16,
  parts: ['clip-l'],
  missing: [lack('vae', ['flux-vae']), lack('clip-g', ['both']), lack('t5', ['t5xxl'], true)],
} as unknown as CheckpointEntry;
const sd1 = { name: 'sd1', latentChannels: 4, parts: ['vae', 'clip-l'], missing: [] } as unknown as CheckpointEntry;

const vae = (name: string, latentChannels: number): VaeEntry => ({ name, file: '', latentChannels, isTiny: false, problem: null });
const encoder = (name: string, kinds: TextEncoderEntry['kinds']): TextEncoderEntry => ({ name, file: '', kinds, problem: null });
const textEncoders = [encoder('clip', ['clip-l']), encoder('both', ['clip-l', 'clip-g']), encoder('t5xxl', ['t5'])];
const files = { vaes: [vae('flux-vae', 16), vae('sd-vae', 4)], textEncoders };

test('a part is no longer missing once a file that holds it is chosen', () => {
  const missing = (vae: string, chosen: string[]) => stillMissing(sd3, { vae, textEncoders: chosen }).map(({ part }) => part);
  expect(missing('auto', [])).toEqual(['vae', 'clip-g', 't5']);
  expect(missing('own', [])).toContain('vae');
  expect(missing('flux-vae', ['both'])).toEqual(['t5']);
});

test('a checkpoint reads the encoders that it holds and those that it lacks', () => {
  expect(textEncodersOf(sd3)).toEqual(['clip-l', 'clip-g', 't5']);
  expect(textEncodersOf(sd1)).toEqual(['clip-l']);
});

test('chosen files that are gone, and a VAE for other latents, are named', () => {
  expect(misfits(sd1, { vae: 'flux-vae', textEncoders: ['lost'] }, files)).toEqual([
    { part: 'vae', name: 'flux-vae', why: 'unfit' },
    { part: 'textEncoders', name: 'lost', why: 'gone' },
  ]);
  expect(misfits(sd1, { vae: 'lost', textEncoders: [] }, files)).toEqual([{ part: 'vae', name: 'lost', why: 'gone' }]);
  for (const vae of ['auto', 'own', 'sd-vae']) expect(misfits(sd1, { vae, textEncoders: ['clip'] }, files)).toEqual([]);
});

test('another checkpoint keeps the chosen files that it has a use for', () => {
  expect(partsThatFit(sd1, { vae: 'flux-vae', textEncoders: ['t5xxl', 'clip'] }, files)).toEqual({ vae: 'auto', textEncoders: ['clip'] });
  expect(partsThatFit(sd1, { vae: 'sd-vae', textEncoders: [] }, files)).toEqual({ vae: 'sd-vae', textEncoders: [] });
  expect(partsThatFit(sd3, automaticParts, files)).toEqual(automaticParts);
});

test('an encoder is taken from one file: a new choice takes the place of the one before', () => {
  const chosen = chooseTextEncoder('clip-l', 'clip', ['t5xxl'], textEncoders);
  expect(chosen).toEqual(['t5xxl', 'clip']);
  expect(chooseTextEncoder('clip-l', 'both', chosen, textEncoders)).toEqual(['t5xxl', 'both']);
  expect(chooseTextEncoder('clip-l', undefined, chosen, textEncoders)).toEqual(['t5xxl']);
  expect(textEncoderChosen('clip-g', ['t5xxl', 'both'], textEncoders)).toBe('both');
  expect(textEncoderChosen('clip-g', chosen, textEncoders)).toBeUndefined();
});
