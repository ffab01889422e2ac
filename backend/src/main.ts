/**
 * Where every process of Atelier starts: `serve` (the default), `engine`, `device`, `generate`, `doctor`.
 * Nothing is imported before the version of Node is known to be one that runs us.
 */
import module from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
const runsHere = (major === 20 && minor >= 19) || (major === 22 && minor >= 16) || major >= 24;

if (runsHere) {
  // Node 22 and later keep compiled code on disk; Node 20's types do not know it
  (module as { enableCompileCache?: () => void }).enableCompileCache?.();
  await run(process.argv.slice(2));
} else {
  process.stderr.write(`Atelier needs Node 20.19 or later, 22.16 or later, or 24 and up; this is ${process.versions.node}.\n`);
  process.exitCode = 1;
}

async function run(argv: readonly string[]): Promise<void> {
  try {
    const { parseCommandLine, usage } = await import('./command-line.js');
    const { command, options, rest } = parseCommandLine(argv);
    switch (command) {
      case 'help':
        process.stdout.write(`${usage()}\n`);
        return;
      case 'serve':
        return await (await import('./app.module.js')).serve(options);
      case 'engine':
        return (await import('./engine/engine-process.js')).runEngine(options);
      case 'device':
        return (await import('./inference/device-process.js')).runDevice();
      case 'generate':
        return await (await import('./engine/generate-command.js')).runGenerate(options, rest);
      case 'doctor':
        return await (await import('./engine/doctor-command.js')).runDoctor(options, rest);
    }
  } catch (error) {
    const { reportOf } = await import('@atelier/sdk');
    const { code, message, hint, kind, details } = reportOf(error);
    process.stderr.write(`${message}\n${hint}\n(${code})\n${kind === 'internal' ? `${details}\n` : ''}`);
    process.exit(1);
  }
}
