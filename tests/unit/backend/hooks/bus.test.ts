import { describe, expect, test } from 'vitest';
import {
  AppError,
  defineSampler,
  defineScheduler,
  type BatchContext,
  type Denoise,
  type JobInfo,
  type Prompt,
  type PromptContext,
  type StepReport,
} from '@atelier/sdk';
import {
  createBus,
  ExtensionFault,
  HookOrderCycle,
  hookNames,
  kindOf,
  type Bus,
  type FaultNotice,
} from '../../../../backend/src/hooks/index.js';

const job = { id: 'job-1', request: {} } as JobInfo;
const context: PromptContext = { job, index: 0, seed: 1, random: () => 0.5 };
const batch: BatchContext = { job, firstIndex: 0, seeds: [1] };
const cat: Prompt = { positive: 'a cat', negative: '' };

function scoped(bus: Bus, extension: string) {
  const owned: Disposable[] = [];
  return { hooks: bus.scoped(extension, owned), owned };
}

const append = (word: string) => (prompt: Prompt) => ({ ...prompt, positive: `${prompt.positive} ${word}` });
const faultOf = async (work: () => unknown): Promise<ExtensionFault> => {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(ExtensionFault);
    return error as ExtensionFault;
  }
  throw new Error('nothing was thrown');
};

class WildcardNotFound extends AppError {
  readonly code = 'wildcard-not-found';
}

const sampler = (id: string, label = id) => defineSampler({ id, label, async *steps() {} });

describe('kinds', () => {
  test('the first word of every name is one of the five kinds', () => {
    expect(new Set(hookNames.map(kindOf))).toEqual(new Set(['collect', 'resolve', 'transform', 'wrap', 'on']));
  });

  test('without taps every hook gives back what came in', async () => {
    const { points } = createBus();
    const denoise: Denoise = () => Promise.reject(new Error('not called'));
    expect(await points.transformPrompt.call(cat, context)).toBe(cat);
    expect(points.wrapDenoise.call(denoise, batch)).toBe(denoise);
    expect(await points.resolveCheckpoint.call({ name: 'x', known: [] })).toBeUndefined();
    expect(await points.onJobStarted.call(job)).toBeUndefined();
    expect(points.collectSamplers.collect()).toEqual({ items: [], faults: [] });
  });

  test('each transform tap gets what the one before returned', async () => {
    const bus = createBus();
    scoped(bus, 'one').hooks.transformPrompt.tap(async (prompt) => append('one')(prompt));
    scoped(bus, 'two').hooks.transformPrompt.tap(append('two'));
    expect((await bus.points.transformPrompt.call(cat, context)).positive).toBe('a cat one two');
  });

  test('the first answer of a resolve hook wins, and undefined passes the question on', async () => {
    const bus = createBus();
    scoped(bus, 'shy').hooks.resolveCheckpoint.tap(() => undefined);
    scoped(bus, 'alias').hooks.resolveCheckpoint.tap(async () => 'dreamy');
    scoped(bus, 'late').hooks.resolveCheckpoint.tap(() => 'other');
    expect(await bus.points.resolveCheckpoint.call({ name: 'x', known: [] })).toBe('dreamy');
  });
});

describe('owner and order', () => {
  async function orderOf(bus: Bus): Promise<string> {
    return (await bus.points.transformPrompt.call({ positive: '', negative: '' }, context)).positive.trim();
  }

  test('stages come first, then activation', async () => {
    const bus = createBus();
    scoped(bus, 'c').hooks.transformPrompt.tap(append('c'), { stage: 'late' });
    scoped(bus, 'b').hooks.transformPrompt.tap(append('b'));
    scoped(bus, 'd').hooks.transformPrompt.tap(append('d'));
    scoped(bus, 'a').hooks.transformPrompt.tap(append('a'), { stage: 'early' });
    expect(await orderOf(bus)).toBe('a b d c');
    expect(bus.points.transformPrompt.owners()).toEqual(['a', 'b', 'd', 'c']);
  });

  test('before and after overrule activation', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.transformPrompt.tap(append('a'), { after: ['c'] });
    scoped(bus, 'b').hooks.transformPrompt.tap(append('b'));
    scoped(bus, 'c').hooks.transformPrompt.tap(append('c'), { before: ['b'] });
    expect(await orderOf(bus)).toBe('c a b');
  });

  test('an id that is not there is ignored and noted', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.transformPrompt.tap(append('a'));
    scoped(bus, 'b').hooks.transformPrompt.tap(append('b'), { before: ['ghost'] });
    expect(await orderOf(bus)).toBe('a b');
    expect(bus.openAnchors()).toEqual([{ extension: 'b', hook: 'transformPrompt', anchor: 'ghost' }]);
  });

  test('a contradiction is refused when it is tapped, and changes nothing', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.transformPrompt.tap(append('a'), { before: ['b'] });
    const b = scoped(bus, 'b');
    expect(() => b.hooks.transformPrompt.tap(append('b'), { before: ['a'] })).toThrow(HookOrderCycle);
    expect(() => b.hooks.transformPrompt.tap(append('b'), { before: ['a'] })).toThrow(
      /"a" before "b" before "a"|"b" before "a" before "b"/,
    );
    expect(() => scoped(bus, 'c').hooks.transformPrompt.tap(append('c'), { stage: 'late', before: ['a'] })).toThrow(HookOrderCycle);
    expect(b.owned).toEqual([]);
    expect(await orderOf(bus)).toBe('a');
  });

  test('an extension that comes back after a reload has its old place', async () => {
    const bus = createBus();
    const first = scoped(bus, 'a');
    first.hooks.transformPrompt.tap(append('a'));
    scoped(bus, 'b').hooks.transformPrompt.tap(append('b'));
    for (const handle of first.owned) handle[Symbol.dispose]();
    scoped(bus, 'a').hooks.transformPrompt.tap(append('a2'));
    expect(await orderOf(bus)).toBe('a2 b');
  });
});

describe('removal', () => {
  test('a disposed tap is gone and the others stay', async () => {
    const bus = createBus();
    const handle = scoped(bus, 'a').hooks.transformPrompt.tap(append('a'));
    scoped(bus, 'b').hooks.transformPrompt.tap(append('b'));
    handle[Symbol.dispose]();
    handle[Symbol.dispose]();
    expect((await bus.points.transformPrompt.call(cat, context)).positive).toBe('a cat b');
  });

  test('what an extension taps can be taken away together', async () => {
    const bus = createBus();
    const { hooks, owned } = scoped(bus, 'a');
    hooks.transformPrompt.tap(append('a'));
    hooks.collectSamplers.tap((registry) => registry.add(sampler('x')));
    for (const handle of owned) handle[Symbol.dispose]();
    expect(await bus.points.transformPrompt.call(cat, context)).toBe(cat);
    expect(bus.points.collectSamplers.collect().items).toEqual([]);
  });
});

describe('blame', () => {
  test('a throw names the extension, the hook and the cause, and keeps the hint of the cause', async () => {
    const bus = createBus();
    scoped(bus, 'prompt-wildcards').hooks.transformPrompt.tap(() => {
      throw new WildcardNotFound('No wildcard file is called "nope".', 'Put nope.txt there.');
    });
    const fault = await faultOf(() => bus.points.transformPrompt.call(cat, context));
    expect(fault.message).toBe('Extension "prompt-wildcards" failed in transformPrompt: No wildcard file is called "nope".');
    expect(fault.hint).toBe('Put nope.txt there.');
    expect(fault.toReport()).toMatchObject({
      code: 'extension-fault',
      extension: 'prompt-wildcards',
      hook: 'transformPrompt',
      kind: 'invalid',
    });
    expect(fault.toReport().details).toContain('WildcardNotFound');
  });

  test('what is not an Error is blamed as well', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.resolveCheckpoint.tap(() => Promise.reject('oh no'));
    const fault = await faultOf(() => bus.points.resolveCheckpoint.call({ name: 'x', known: [] }));
    expect(fault.message).toContain('oh no');
    expect(fault.hint).toContain('"a"');
  });

  test('nothing is not an answer: undefined from a transform or a wrap is a fault', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.transformPrompt.tap((() => undefined) as never);
    scoped(bus, 'a').hooks.wrapDenoise.tap((() => undefined) as never);
    const message = /the tap returned nothing; return the value unchanged when there is nothing to do/;
    expect((await faultOf(() => bus.points.transformPrompt.call(cat, context))).message).toMatch(message);
    expect((await faultOf(() => bus.points.wrapDenoise.call(async () => null as never, batch))).message).toMatch(message);
  });

  test('a function that wrap returned is blamed for what it throws and for returning nothing', async () => {
    const bus = createBus();
    const calls = ['throw', 'nothing'];
    scoped(bus, 'a').hooks.wrapDenoise.tap(() => async () => {
      if (calls.shift() === 'throw') throw new Error('bad step');
      return undefined as never;
    });
    const denoise = bus.points.wrapDenoise.call(async () => null as never, batch);
    expect((await faultOf(() => denoise(null as never, 1))).message).toBe('Extension "a" failed in wrapDenoise: bad step');
    expect((await faultOf(() => denoise(null as never, 1))).message).toContain('the tap returned nothing');
  });

  test('a wrap tap that returns a promise or a number is refused', async () => {
    const bus = createBus();
    const handle = scoped(bus, 'a').hooks.wrapGuidance.tap((async () => Promise.reject(new Error('late'))) as never);
    expect((await faultOf(() => bus.points.wrapGuidance.call(null as never, batch))).message).toContain('does not wait');
    handle[Symbol.dispose]();
    scoped(bus, 'a').hooks.wrapGuidance.tap((() => 7) as never);
    expect((await faultOf(() => bus.points.wrapGuidance.call(null as never, batch))).message).toContain('a number, not a function');
  });

  test('an error of ours that passes through a wrapper stays ours', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.wrapDenoise.tap((inner) => (x, sigma) => inner(x, sigma));
    scoped(bus, 'b').hooks.wrapDenoise.tap((inner) => async (x, sigma) => inner(x, sigma));
    const lost = new Error('device lost');
    const denoise = bus.points.wrapDenoise.call(() => Promise.reject(lost), batch);
    await expect(denoise(null as never, 1)).rejects.toBe(lost);
    expect(bus.timings().every((row) => row.faults === 0)).toBe(true);
  });

  test('an inner wrapper keeps the blame when an outer one lets its error pass', async () => {
    const bus = createBus();
    scoped(bus, 'inner').hooks.wrapDenoise.tap(() => () => Promise.reject(new Error('mine')));
    scoped(bus, 'outer').hooks.wrapDenoise.tap((inner) => (x, sigma) => inner(x, sigma));
    const denoise = bus.points.wrapDenoise.call(async () => null as never, batch);
    expect((await faultOf(() => denoise(null as never, 1))).extension).toBe('inner');
  });

  test('an observer that throws is noted, the others are still told, and the caller goes on', async () => {
    const bus = createBus();
    const notices: FaultNotice[] = [];
    bus.onFault((notice) => notices.push(notice));
    const told: string[] = [];
    scoped(bus, 'a').hooks.onJobStarted.tap(() => {
      throw new Error('no');
    });
    scoped(bus, 'b').hooks.onJobStarted.tap((event) => void told.push(event.id));
    await bus.openJob('job-1').run(() => bus.points.onJobStarted.call(job));
    expect(told).toEqual(['job-1']);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({ jobId: 'job-1', outcome: 'noted', fault: { extension: 'a', hook: 'onJobStarted' } });
  });

  test('an observer cannot change what it is told', async () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.onStep.tap((event) => {
      event.step = 99;
      event.x.data.fill(0);
    });
    const event = { ...batch, step: 1, steps: 2, sigma: 1, x: { shape: [2], data: Float32Array.of(1, 2) } } as unknown as StepReport;
    await bus.points.onStep.call(event);
    expect(event.step).toBe(1);
    expect([...event.x.data]).toEqual([1, 2]);
  });
});

describe('collecting', () => {
  test('things come with their owner, those of the core first', () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.collectSamplers.tap((registry) => registry.add(sampler('ralston')));
    const { items } = bus.points.collectSamplers.collect([sampler('euler')]);
    expect(items.map(({ id, extension }) => [id, extension])).toEqual([
      ['euler', null],
      ['ralston', 'a'],
    ]);
  });

  test.each([
    ['the id of the core', sampler('euler')],
    ['a label of the core', sampler('other', 'Euler')],
  ])('%s cannot be taken by an extension, and nothing of that extension is collected', (_, taken) => {
    const bus = createBus();
    scoped(bus, 'a').hooks.collectSamplers.tap((registry) => {
      registry.add(sampler('fine'));
      registry.add(taken);
    });
    const { items, faults } = bus.points.collectSamplers.collect([sampler('euler', 'Euler')]);
    expect(items.map((item) => item.id)).toEqual(['euler']);
    expect(faults[0].message).toMatch(/^Extension "a" failed in collectSamplers: "[Ee]uler" is taken by Atelier itself/);
  });

  test('the second of two extensions with one id is at fault', () => {
    const bus = createBus();
    const schedule = defineScheduler({ id: 'cosine', label: 'Cosine', levels: () => [] });
    scoped(bus, 'first').hooks.collectSchedulers.tap((registry) => registry.add(schedule));
    scoped(bus, 'second').hooks.collectSchedulers.tap((registry) => registry.add(schedule));
    const { items, faults } = bus.points.collectSchedulers.collect();
    expect(items.map((item) => item.extension)).toEqual(['first']);
    expect(faults.map((fault) => fault.extension)).toEqual(['second']);
    expect(faults[0].message).toContain('taken by extension "first"');
  });

  test('adding late is refused: a promise from the tap, or a registry kept for later', async () => {
    const bus = createBus();
    let kept: (() => void) | undefined;
    scoped(bus, 'slow').hooks.collectSamplers.tap(async (registry) => registry.add(sampler('x')));
    scoped(bus, 'later').hooks.collectSamplers.tap((registry) => {
      kept = () => registry.add(sampler('y'));
    });
    const { items, faults } = bus.points.collectSamplers.collect();
    expect(items).toEqual([]);
    expect(faults.map((fault) => fault.extension)).toEqual(['slow']);
    expect(kept).toThrow('after the hook had run');
  });

  test('a check of the items blames whoever adds a wrong one', () => {
    const bus = createBus();
    scoped(bus, 'a').hooks.collectSamplers.tap((registry) => registry.add({ id: 'x' } as never));
    const { faults } = bus.points.collectSamplers.collect([], (item) => {
      if (!('steps' in item)) throw new Error('x has no steps');
    });
    expect(faults[0].message).toContain('x has no steps');
  });
});

describe('time and waiting', () => {
  /** A clock that only moves when told. */
  function clock() {
    let time = 0;
    return { now: () => time, pass: (ms: number) => void (time += ms) };
  }

  test('calls, time and faults are kept by extension and hook, and for each job on its own', async () => {
    const time = clock();
    const bus = createBus({ now: time.now });
    scoped(bus, 'a').hooks.transformPrompt.tap(async (prompt) => {
      time.pass(5);
      await Promise.resolve();
      if (prompt.positive === 'bad') throw new Error('bad');
      return prompt;
    });
    const [first, second] = [bus.openJob('1'), bus.openJob('2')];
    await first.run(() => bus.points.transformPrompt.call(cat, context));
    await first.run(() => bus.points.transformPrompt.call(cat, context));
    await faultOf(() => second.run(() => bus.points.transformPrompt.call({ ...cat, positive: 'bad' }, context)));
    expect(first.timings()).toEqual([{ extension: 'a', hook: 'transformPrompt', calls: 2, totalMs: 10, faults: 0 }]);
    expect(second.timings()).toEqual([{ extension: 'a', hook: 'transformPrompt', calls: 1, totalMs: 5, faults: 1 }]);
    expect(bus.timings()).toEqual([{ extension: 'a', hook: 'transformPrompt', calls: 3, totalMs: 15, faults: 1 }]);
    bus.forget('a');
    expect(bus.timings()).toEqual([]);
  });

  test('a wrapper pays for its own time and not for the model it wraps', async () => {
    const time = clock();
    const bus = createBus({ now: time.now });
    scoped(bus, 'a').hooks.wrapDenoise.tap((inner) => async (x, sigma) => {
      time.pass(2);
      const result = await inner(x, sigma);
      time.pass(3);
      return result;
    });
    scoped(bus, 'b').hooks.wrapDenoise.tap((inner) => async (x, sigma) => {
      time.pass(10);
      return inner(x, sigma);
    });
    const denoise = bus.points.wrapDenoise.call(async () => {
      expect(bus.pending()).toEqual([]);
      time.pass(1000);
      return {} as never;
    }, batch);
    await denoise(null as never, 1);
    expect(Object.fromEntries(bus.timings().map((row) => [row.extension, row.totalMs]))).toEqual({ a: 5, b: 10 });
  });

  test('a tap that was started and has not ended is pending, with its job', async () => {
    const bus = createBus();
    let finish = () => {};
    scoped(bus, 'slow').hooks.transformPrompt.tap((prompt) => new Promise((resolve) => (finish = () => resolve(prompt))));
    const before = Date.now();
    const running = bus.openJob('job-7').run(() => bus.points.transformPrompt.call(cat, context));
    expect(bus.pending()).toMatchObject([{ extension: 'slow', hook: 'transformPrompt', jobId: 'job-7' }]);
    expect(bus.pending()[0].since).toBeGreaterThanOrEqual(before);
    finish();
    await running;
    expect(bus.pending()).toEqual([]);
  });

  test('whose code runs is announced before it runs, and taken back after', async () => {
    const seen: (string | null)[] = [];
    const bus = createBus({ onTap: (running) => seen.push(running && `${running.extension} ${running.hook}`) });
    scoped(bus, 'a').hooks.wrapDenoise.tap((inner) => async (x, sigma) => inner(x, sigma));
    await bus.points.wrapDenoise.call(async () => ({}) as never, batch)(null as never, 1);
    expect(seen).toEqual(['a wrapDenoise', null, 'a wrapDenoise', null, 'a wrapDenoise', null]);
  });

  test('code outside of hooks is watched and blamed alike', async () => {
    const bus = createBus();
    const fault = await faultOf(() => bus.visit('a', 'route recent').run(() => Promise.reject(new Error('no file'))));
    expect(fault.message).toBe('Extension "a" failed in route recent: no file');
    expect(bus.timings()).toMatchObject([{ extension: 'a', hook: 'route recent', faults: 1 }]);
  });
});

test('a hook that nobody taps costs less than ten microseconds', async () => {
  const { points } = createBus();
  const rounds = 20_000;
  for (let i = 0; i < rounds; i++) await points.transformPrompt.call(cat, context);
  const start = performance.now();
  for (let i = 0; i < rounds; i++) await points.transformPrompt.call(cat, context);
  expect(((performance.now() - start) * 1000) / rounds).toBeLessThan(10);
});
