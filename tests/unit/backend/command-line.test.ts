import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { argumentsFor, parseCommandLine, usage } from '../../../backend/src/command-line.js';

describe('the command line', () => {
  test('serves on this machine only, from the folders of the repository, when nothing is said', () => {
    const { command, options } = parseCommandLine([]);
    expect(command).toBe('serve');
    expect(options).toMatchObject({ host: '127.0.0.1', port: 7860, safe: false, openBrowser: true });
    const root = path.resolve(import.meta.dirname, '../../..');
    expect([options.dataDir, options.outputsDir, ...options.modelsDirs]).toEqual(
      ['data', 'outputs', 'models'].map((name) => path.join(root, name)),
    );
  });

  test('takes values after a space or an equals sign, and some flags several times', () => {
    const { options } = parseCommandLine([
      'serve',
      '--port',
      '80',
      '--models-dir=/a',
      '--models-dir',
      '/b',
      '--threads=3',
      '--safe',
      '--no-browser',
    ]);
    expect(options).toMatchObject({ port: 80, modelsDirs: ['/a', '/b'], threads: 3, safe: true, openBrowser: false });
  });

  test('makes paths absolute', () => {
    expect(parseCommandLine(['--data-dir', 'x']).options.dataDir).toBe(path.resolve('x'));
  });

  test.each([
    [['--prot', '1'], /"--prot"/],
    [['sevre'], /"sevre"/],
    [['--port', 'high'], /--port.*"high"/],
    [['--port', '70000'], /--port/],
    [['--port'], /--port needs a value/],
    [['--safe=yes'], /--safe takes no value/],
    [['--auth', 'ann'], /--auth/],
  ])('refuses %j by name, with the flags there are', (argv, message) => {
    expect(() => parseCommandLine(argv)).toThrow(message);
    expect(() => parseCommandLine(argv)).toThrow(
      expect.objectContaining({ code: 'argument-invalid', hint: expect.stringContaining('--port') as string }) as Error,
    );
  });

  test('needs credentials for addresses that others can reach, and for no other', () => {
    for (const argv of [['--listen'], ['--listen', '192.168.1.5'], ['--listen=0.0.0.0'], ['--listen', '::']]) {
      expect(() => parseCommandLine(argv)).toThrow(expect.objectContaining({ code: 'credentials-missing' }) as Error);
      expect(parseCommandLine([...argv, '--token', 'word']).options.host).not.toBe('127.0.0.1');
      expect(parseCommandLine([...argv, '--auth', 'a:b:c']).options.credentials.user).toEqual({ name: 'a', password: 'b:c' });
    }
    for (const address of ['localhost', '127.0.0.2', '::1']) expect(parseCommandLine(['--listen', address]).options.host).toBe(address);
  });

  test('leaves to "generate" what it does not share with the others', () => {
    const { options, rest } = parseCommandLine(['generate', 'a cat', '--steps', '20', '--data-dir', '/d', '--out', 'x.png']);
    expect(options.dataDir).toBe('/d');
    expect(rest).toEqual(['a cat', '--steps', '20', '--out', 'x.png']);
  });

  test('gives engines the same folders, and never the credentials', () => {
    const { options } = parseCommandLine([
      '--token=secret',
      '--models-dir=/m',
      '--extra-model-paths=/x.yaml',
      '--data-dir=/d',
      '--threads=2',
      '--safe',
    ]);
    const passed = argumentsFor('engine', options);
    expect(passed.join(' ')).not.toContain('secret');
    const { command, options: again } = parseCommandLine(passed);
    expect(command).toBe('engine');
    expect(again).toMatchObject({ dataDir: '/d', modelsDirs: ['/m'], extraModelPaths: ['/x.yaml'], threads: 2, safe: true });
  });

  test('runs models on the device of that name, in every process, and refuses a name that is none', () => {
    const { options } = parseCommandLine(['--device', 'webgpu']);
    expect(parseCommandLine(argumentsFor('engine', options)).options.device).toBe('webgpu');
    expect(parseCommandLine([]).options.device).toBe('auto');
    expect(() => parseCommandLine(['--device=gpu'])).toThrow(expect.objectContaining({ code: 'argument-invalid' }) as Error);
  });

  test('leaves to "doctor" what it does not share with the others', () => {
    expect(parseCommandLine(['doctor', '--json', '--device', 'cpu'])).toMatchObject({ command: 'doctor', rest: ['--json'] });
  });

  test('explains every flag', () => {
    expect(parseCommandLine(['--help']).command).toBe('help');
    for (const flag of ['--port', '--listen', '--data-dir', '--models-dir', '--no-browser', '--auth', '--token', '--safe', '--threads'])
      expect(usage()).toContain(flag);
  });
});
