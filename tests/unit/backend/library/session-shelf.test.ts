import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DeviceGraph } from '@atelier/sdk/contracts';
import { expect, test } from 'vitest';
import type { LivingDevice, Opening, Purpose, ShelvedNetwork } from '../../../../backend/src/library/session-shelf.js';
import { SessionShelf } from '../../../../backend/src/library/session-shelf.js';
import { NoMemoryGiven } from '../../../../backend/src/inference/errors.js';
import type { Session } from '../../../../backend/src/inference/device-link.js';

/** A device that knows which graphs are open, and runs nothing. */
class Desk {
  generation = 1;
  readonly open = new Map<number, string>();
  readonly prepacked: string[] = [];
  private opened = 0;

  readonly link = {
    open: async ({ name }: DeviceGraph, options?: { prepack?: boolean }): Promise<Session> => {
      if (name === 'broken') throw new Error('it is broken');
      this.open.set(++this.opened, name);
      if (options?.prepack) this.prepacked.push(name);
      return { session: this.opened };
    },
    close: async ({ session }: Session): Promise<void> => {
      if (!this.open.delete(session)) throw new Error(`${session} is not open`);
    },
  };

  get names(): string[] {
    return [...this.open.values()];
  }
}

function shelfOn(desk: Desk, tell?: (opening: Opening | null) => void): SessionShelf {
  const device = Object.defineProperty({ ...desk.link }, 'generation', { get: () => desk.generation });
  return new SessionShelf(device as unknown as LivingDevice, tell);
}

function network(name: string, purpose: Purpose, prepack = false): ShelvedNetwork {
  return {
    key: name,
    purpose,
    prepack,
    neededBytes: 3e9,
    write: () => ({ name, pieces: [], weightsFolder: '/', inputs: [], outputs: [] }),
  };
}

const text = network('text encoder', 'text');
const model = network('model', 'diffusion', true);
const vae = network('vae', 'pixels');
const sessionOf = async ({ session }: Session) => session;

test('a network is opened when it is first used, and once', async () => {
  const desk = new Desk();
  const shelf = shelfOn(desk);
  expect(desk.names).toEqual([]);
  const sessions = await Promise.all([shelf.use(model, sessionOf), shelf.use(model, sessionOf), shelf.use(text, sessionOf)]);
  expect(sessions[0]).toBe(sessions[1]);
  expect(desk.names).toEqual(['model', 'text encoder']);
  expect(desk.prepacked).toEqual(['model']);
});

test('without swapping all networks stay open; with it, those of another purpose are closed for the next', async () => {
  const desk = new Desk();
  const shelf = shelfOn(desk);
  for (const each of [text, model, vae]) await shelf.use(each, sessionOf);
  expect(desk.names).toEqual(['text encoder', 'model', 'vae']);
  shelf.isSwapping = true;
  await shelf.use(model, sessionOf);
  expect(desk.names).toEqual(['model']);
  await shelf.use(text, sessionOf);
  await shelf.use(network('second text encoder', 'text'), sessionOf);
  expect(desk.names).toEqual(['text encoder', 'second text encoder']);
});

test('a network is not closed under a call', async () => {
  const desk = new Desk();
  const shelf = shelfOn(desk);
  shelf.isSwapping = true;
  let finish = () => {};
  const call = shelf.use(model, () => new Promise<void>((resolve) => (finish = resolve)));
  const next = shelf.use(vae, sessionOf);
  await nextTurn();
  expect(desk.names).toEqual(['model']);
  finish();
  await Promise.all([call, next]);
  expect(desk.names).toEqual(['vae']);
});

test('a network that does not open says so to whoever wanted it, each time', async () => {
  const shelf = shelfOn(new Desk());
  for (let time = 0; time < 2; time++) await expect(shelf.use(network('broken', 'pixels'), sessionOf)).rejects.toThrow('it is broken');
  await shelf.closeUnless(() => false);
});

test('what was open in an earlier life of the device is opened anew, and not closed', async () => {
  const desk = new Desk();
  const shelf = shelfOn(desk);
  await shelf.use(model, sessionOf);
  desk.open.clear();
  desk.generation++;
  await shelf.closeUnless(() => false);
  await shelf.use(model, sessionOf);
  expect(desk.names).toEqual(['model']);
});

test('a call that gets no memory says what its network takes, and what was free', async () => {
  const shelf = shelfOn(new Desk());
  const call = shelf.use(model, () => Promise.reject(new NoMemoryGiven('a call of the unet', new Error('std::bad_alloc'))));
  await expect(call).rejects.toMatchObject({
    code: 'out-of-memory',
    message: expect.stringMatching(
      /^There is not enough memory for the diffusion model: it takes about 3\.0 GB, and \d+\.\d GB were free\./,
    ) as string,
    hint: expect.stringContaining('swap') as string,
  });
  const other = shelf.use(model, () => Promise.reject(new Error('something else')));
  await expect(other).rejects.toThrow('something else');
});

test('what is being opened is told, and that it is over, also when it failed', async () => {
  const told: (string | null)[] = [];
  const shelf = shelfOn(new Desk(), (opening) => told.push(opening && opening.network));
  await shelf.use(text, sessionOf);
  await shelf.use(text, sessionOf);
  await expect(shelf.use(network('broken', 'pixels'), sessionOf)).rejects.toThrow();
  expect(told).toEqual(['text encoder', null, 'VAE', null]);
});
