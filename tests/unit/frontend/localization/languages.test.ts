import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Txt2ImgRequest } from '@atelier/sdk/contracts';
import { filesBelow, root } from '../../../support/repository.js';

const read = (...place: string[]) => readFileSync(path.join(root, ...place), 'utf8');

/** Every sentence the page says: what goes through t(), the names of keys, and the help of the form's fields. */
function sentences(): Set<string> {
  const sources = ['frontend/src', 'sdk/src/ui'].flatMap((folder) => filesBelow(folder).map((file) => read(folder, file)));
  const said = sources.flatMap((source) => [...source.matchAll(/(?<![\w.])(?:t\(|what: )\s*'([^']+)'/g)].map(([, sentence]) => sentence));
  const shown = [
    'prompt',
    'negativePrompt',
    'steps',
    'cfgScale',
    'width',
    'height',
    'seed',
    'batchCount',
    'batchSize',
    'clipSkip',
    'vae',
    'textEncoders',
    'precision',
    'tiledVae',
    'distilledCfgScale',
    'rng',
    'variationSeed',
    'variationStrength',
    'seedResizeFromWidth',
    'noiseSeedDelta',
    'guidanceMinSigma',
    'skipEarlyGuidance',
    'cfgRescale',
  ] as const;
  return new Set([...said, ...shown.map((name) => Txt2ImgRequest.shape[name].description!)]);
}

const placeholders = (sentence: string) => (sentence.match(/\{\w+\}/g) ?? []).sort();

describe.each(filesBelow('localization').filter((file) => file.endsWith('.json')))('localization/%s', (file) => {
  const translations = JSON.parse(read('localization', file)) as Record<string, string>;

  test('has a word for every sentence of the page', () => {
    expect([...sentences()].filter((sentence) => !translations[sentence])).toEqual([]);
  });

  test('keeps the values of each sentence', () => {
    const wrong = Object.entries(translations).filter(([from, to]) => placeholders(from).join() !== placeholders(to).join());
    expect(wrong).toEqual([]);
  });
});
