import { fileURLToPath } from 'node:url';
import { AppError } from '@atelier/sdk';
import type { Options } from '../command-line.js';
import { doctorText } from './doctor-text.js';
import { examine } from './examination.js';

const USAGE = 'Usage: npm run doctor -- [--json] [--device name] [--models-dir folder]';

/** Something on the command line of `doctor` cannot be understood. */
class DoctorArgumentInvalid extends AppError {
  readonly code = 'argument-invalid';
  constructor(argument: string) {
    super(`"${argument}" is no argument of doctor.`, USAGE);
  }
}

/**
 * What `main.js doctor` runs: says what this machine has, what was chosen, and whether a picture can be made (the exit code is 1 when not).
 *
 * @param args what stands behind `doctor` and is not an option of the program.
 */
export async function runDoctor(options: Options, args: readonly string[]): Promise<void> {
  const unknown = args.find((argument) => argument !== '--json' && argument !== '--help');
  if (unknown !== undefined) throw new DoctorArgumentInvalid(unknown);
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const findings = await examine(options, fileURLToPath(new URL('../main.js', import.meta.url)));
  process.stdout.write(args.includes('--json') ? `${JSON.stringify(findings, null, 2)}\n` : doctorText(findings));
  process.exitCode = findings.obstacles.length === 0 ? 0 : 1;
}
