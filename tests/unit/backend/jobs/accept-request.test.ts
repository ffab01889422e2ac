import { Txt2ImgRequest, Settings, type Catalogue, type CheckpointEntry } from '@atelier/sdk/contracts';
import { z } from '@atelier/sdk';
import { describe, expect, test } from 'vitest';
import { acceptRequest } from '../../../../backend/src/jobs/accept-request.js';

const checkpoint = (name: string, problem: CheckpointEntry['problem'] = null): CheckpointEntry => ({
  name,
  file: `/m/${name}.safetensors`,
  sizeBytes: 1,
  family: 'sd15',
  label: 'Stable Diffusion 1',
  prediction: 'eps',
  latentChannels: 4,
  beside: null,
  takesGuidance: false,
  recommended: {},
  parts: [],
  missing: [],
  automaticVae: null,
  description: null,
  previewFile: null,
  previewUrl: null,
  sha256: null,
  shortHash: null,
  problem,
  notes: [],
});
const sampler = { callsPerStep: 1, order: 1, defaultScheduler: null, ignoresScheduler: false, suits: [], extension: null };
const catalogue: Catalogue = {
  samplers: [
    {
      ...sampler,
      id: 'euler-ancestral',
      label: 'Euler a',
      aliases: ['k_euler_a'],
      minSteps: 1,
      options: z.toJSONSchema(z.object({ eta: z.number().min(0).max(2).default(1) }), { io: 'input' }),
    },
    { ...sampler, id: 'ddim', label: 'DDIM', aliases: [], minSteps: 2, options: z.toJSONSchema(z.object({}), { io: 'input' }) },
  ],
  schedulers: [{ id: 'automatic', label: 'Automatic', aliases: [], options: {}, suits: [], extension: null }],
  checkpoints: [checkpoint('one')],
  vaes: [],
  textEncoders: [],
  embeddings: [],
  extensions: [],
  tabs: [],
};
const settings = Settings.parse({});
const accept = (input: object, offered: Partial<Catalogue> = {}, chosen: Partial<Settings> = {}) =>
  acceptRequest(Txt2ImgRequest.parse({ sampler: 'Euler a', ...input }), { ...catalogue, ...offered }, { ...settings, ...chosen });

describe('accepting a request', () => {
  test.each(['euler-ancestral', 'Euler a', 'k_euler_a'])('%s is the sampler euler-ancestral', (name) => {
    expect(accept({ sampler: name }).sampler).toBe('euler-ancestral');
  });

  test.each(['euler a', 'Euler', 'euler_ancestral '])('"%s" is nearly a name, and refused', (name) => {
    expect(() => accept({ sampler: name })).toThrow(
      expect.objectContaining({ code: 'sampler-not-found', hint: expect.stringContaining('Euler a') as string }) as Error,
    );
  });

  test('a schedule’s option is checked by its schedule, Automatic by the one it stands for', () => {
    const named = (id: string, label: string) => ({ id, label, aliases: [], suits: [], extension: null });
    const rho = z.toJSONSchema(z.object({ rho: z.number().min(1).default(7) }), { io: 'input' });
    const schedulers = [...catalogue.schedulers, { ...named('karras', 'Karras'), options: rho }];
    const samplers = [{ ...catalogue.samplers[0], defaultScheduler: 'karras' }];
    for (const scheduler of ['karras', 'automatic']) {
      expect(accept({ scheduler, schedulerOptions: { rho: 5 } }, { samplers, schedulers }).schedulerOptions).toEqual({ rho: 5 });
      expect(() => accept({ scheduler, schedulerOptions: { rho: 0 } }, { samplers, schedulers })).toThrow('Option rho of Karras');
    }
    expect(() => accept({ schedulerOptions: { rho: 5 } })).toThrow('Automatic has no option "rho"');
  });

  test('a random seed is drawn once, so that the ledger has it; another one stays', () => {
    const { seed } = accept({ seed: -1 });
    expect(seed).toBeGreaterThanOrEqual(0);
    expect(seed).toBeLessThan(2 ** 32);
    expect(accept({ seed: 7 }).seed).toBe(7);
  });

  test('the checkpoint is the one asked for, else the chosen one, else the only one', () => {
    const two = { checkpoints: [checkpoint('one'), checkpoint('two')] };
    expect(accept({ checkpoint: 'two' }, two, { checkpoint: 'one' }).checkpoint).toBe('two');
    expect(accept({}, two, { checkpoint: 'one' }).checkpoint).toBe('one');
    expect(accept({}).checkpoint).toBe('one');
    expect(() => accept({}, two)).toThrow(
      expect.objectContaining({ code: 'checkpoint-not-chosen', hint: expect.stringContaining('one, two') as string }) as Error,
    );
    expect(() => accept({}, { checkpoints: [] })).toThrow(expect.objectContaining({ code: 'checkpoint-not-chosen' }) as Error);
  });

  test('a file with a problem is refused for that problem, and is not "the only one"', () => {
    const problem = { code: 'header-cut-off', message: 'The file ends too early.', hint: 'Download it again.', kind: 'invalid' } as const;
    const offered = { checkpoints: [checkpoint('broken', problem), checkpoint('one')] };
    expect(accept({}, offered).checkpoint).toBe('one');
    expect(() => accept({ checkpoint: 'broken' }, offered)).toThrow(
      expect.objectContaining({ code: 'header-cut-off', hint: 'Download it again.' }) as Error,
    );
  });

  test('options of a sampler are checked by its own schema, by name', () => {
    expect(accept({ samplerOptions: { eta: 0.5 } }).samplerOptions).toEqual({ eta: 0.5 });
    for (const samplerOptions of [{ etta: 1 }, { eta: 3 }, { eta: 'much' }]) {
      const [name] = Object.keys(samplerOptions);
      expect(() => accept({ samplerOptions })).toThrow(name);
    }
  });

  test('fewer steps than the sampler can do with are refused', () => {
    expect(() => accept({ sampler: 'DDIM', steps: 1 })).toThrow(expect.objectContaining({ code: 'too-few-steps' }) as Error);
  });
});
