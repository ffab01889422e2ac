import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { modelFoldersOf, parseExtraModelPaths } from '../../../../backend/src/library/extra-model-paths.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'atelier-paths-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const read = (text: string) => parseExtraModelPaths(text, '/comfy/extra_model_paths.yaml');

test('a section names folders by kind, below its base path; kinds that are not ours are left out', () => {
  const text = `
# Rename this to extra_model_paths.yaml
a111:
    base_path: /a1111/
    checkpoints: models/Stable-diffusion
    configs: models/Stable-diffusion
    vae: models/VAE
    loras: |
         models/Lora
         models/LyCORIS
`;
  expect(read(text)).toEqual([
    { kind: 'checkpoints', folder: '/a1111/models/Stable-diffusion', isDefault: false },
    { kind: 'vae', folder: '/a1111/models/VAE', isDefault: false },
  ]);
});

test('several folders stand one to a line, in several sections, by old and new names', () => {
  const text = `
one:
    text_encoders: |
         clip
         /elsewhere/t5
    unet: flux # a comment
two:
    base_path: ../mine
    is_default: yes
    clip: |
      encoders

      more
nothing:
`;
  expect(read(text)).toEqual([
    { kind: 'textEncoders', folder: '/comfy/clip', isDefault: false },
    { kind: 'textEncoders', folder: '/elsewhere/t5', isDefault: false },
    { kind: 'checkpoints', folder: '/comfy/flux', isDefault: false },
    { kind: 'textEncoders', folder: '/mine/encoders', isDefault: true },
    { kind: 'textEncoders', folder: '/mine/more', isDefault: true },
  ]);
});

test('a base path may begin at home and name variables of the environment', () => {
  process.env.ATELIER_TEST_DRIVE = '/drive';
  const folders = read('a: {base_path: ~/models, vae: x}\nb: {base_path: "${ATELIER_TEST_DRIVE}/$NOBODY_SET_THIS", vae: x}');
  delete process.env.ATELIER_TEST_DRIVE;
  expect(folders.map(({ folder }) => folder)).toEqual([path.join(os.homedir(), 'models/x'), '/drive/$NOBODY_SET_THIS/x']);
});

test('a file of comments says nothing', () => {
  expect(read('# nothing yet\n')).toEqual([]);
});

test.each([
  ['a:\n  base_path: /x\n   vae: y\n', 2, 'a value with another one below it'],
  ['a:\n  vae: x\n  checkpoints: [x, y]\n', 3, 'a list in place of lines'],
  ['a:\n  vae: x\nb: /models\n', 3, 'a section that is a path'],
  ['\n- a\n', 2, 'a list of sections'],
  ['a:\n  is_default: perhaps\n', 2, 'a word in place of true and false'],
  ['a:\n  base_path:\n', 2, 'no base path where one is due'],
])('%j is refused with line %i: %s', (text, line) => {
  expect(() => read(text)).toThrow(
    expect.objectContaining({
      code: 'extra-model-paths-invalid',
      message: expect.stringContaining(`Line ${line} of /comfy/extra_model_paths.yaml: `) as string,
    }) as Error,
  );
});

test('a file beside the models folder is read by itself; defaults go before everything, others behind', async () => {
  const models = path.join(home, 'ComfyUI/models');
  mkdirSync(models, { recursive: true });
  writeFileSync(path.join(home, 'ComfyUI/extra_model_paths.yaml'), 'a: {vae: /last}\nb: {is_default: true, vae: /second}\n');
  const named = path.join(home, 'named.yaml');
  writeFileSync(named, 'a: {is_default: true, vae: "/first\\n/also first"}\n');
  const { vae } = await modelFoldersOf({ modelsDirs: [models], extraModelPaths: [named] });
  expect(vae).toEqual([
    '/second',
    '/also first',
    '/first',
    ...['vae', 'VAE', 'models/vae', 'models/VAE'].map((name) => path.join(models, name)),
    '/last',
  ]);
});

test('a file that was named and is not there is an error', async () => {
  const missing = path.join(home, 'nowhere.yaml');
  await expect(modelFoldersOf({ modelsDirs: [home], extraModelPaths: [missing] })).rejects.toMatchObject({
    code: 'extra-model-paths-not-opened',
    message: expect.stringContaining(missing) as string,
  });
});
