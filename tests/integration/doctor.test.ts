import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, expect, test } from 'vitest';
import type { Findings } from '../../backend/src/engine/examination.js';
import { softwareVulkan } from '../support/software-vulkan.js';

const program = fileURLToPath(new URL('../../backend/dist/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));
const models = path.join(folder, 'models');
tinyCheckpoint('sd15', { folder: path.join(models, 'checkpoints') });
writeFileSync(path.join(models, 'checkpoints', 'empty.safetensors'), '');

interface Told {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs `main.js doctor` to its end. */
function doctor(args: string[], environment: Record<string, string> = {}): Promise<Told> {
  const all = [program, 'doctor', `--data-dir=${path.join(folder, 'data')}`, `--outputs-dir=${path.join(folder, 'outputs')}`, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, all, { env: { ...process.env, ...environment } }, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

test('says what there is, tries every device, and ends well when a picture can be made', async () => {
  const { exitCode, stdout, stderr } = await doctor(['--models-dir', models, '--device', 'cpu']);
  expect(stderr).toBe('');
  expect(stdout).toContain(`Node ${process.versions.node}`);
  expect(stdout).toMatch(/ {2}cpu: works/);
  expect(stdout).toContain('Models run on cpu, because it was asked for by name.');
  expect(stdout).toContain('checkpoints: 1 can be used, 1 cannot:');
  expect(stdout).toContain('A picture can be made.');
  expect(exitCode).toBe(0);
});

test('ends with 1 and what to do when there is nothing to make a picture with; --json says the same', async () => {
  const empty = path.join(folder, 'nothing');
  mkdirSync(empty);
  const { exitCode, stdout } = await doctor(['--models-dir', empty, '--device', process.platform === 'win32' ? 'coreml' : 'dml', '--json']);
  expect(exitCode).toBe(1);
  const findings = JSON.parse(stdout) as Findings;
  expect(findings.obstacles.map(({ hint }) => hint)).toEqual([
    expect.stringMatching(/exists on (Windows|macOS) only/),
    expect.stringContaining('models/checkpoints'),
  ]);
  expect(findings.machine.memoryBytes).toBeGreaterThan(0);
  expect(findings.providers.map(({ provider }) => provider)).toEqual(['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml']);
  for (const finding of findings.providers) if (!finding.works) expect(finding.toInstall).not.toBe('');
});

test('an argument that means nothing is refused by name', async () => {
  const { exitCode, stderr } = await doctor(['--colour']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('"--colour"');
});

const driver = softwareVulkan();
test.skipIf('absentBecause' in driver)(
  `on a graphics card, names the operators that run on the CPU${'absentBecause' in driver ? `: ${driver.absentBecause}` : ''}`,
  async () => {
    const environment = 'environment' in driver ? driver.environment : {};
    const { exitCode, stdout } = await doctor(['--models-dir', models, '--device', 'webgpu', '--json'], environment);
    expect(exitCode).toBe(0);
    const { onCpu, chosen } = JSON.parse(stdout) as Findings;
    expect(chosen.provider).toBe('webgpu');
    expect(Object.entries(onCpu ?? {}).map(([network, { computing }]) => [network, computing])).toEqual([
      ['text-encoder', []],
      ['unet', []],
      ['vae-decoder', []],
    ]);
  },
);
