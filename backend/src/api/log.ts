import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

/** Nest's log through pino, as JSON lines on stderr. `ATELIER_LOG` sets the least level that is shown, else `warn`. */
export class Log implements LoggerService {
  private readonly pino: Logger = pino({ level: process.env.ATELIER_LOG ?? 'warn', base: null }, pino.destination({ fd: 2, sync: true }));

  log = (message: unknown, ...more: unknown[]): void => this.write('info', message, more);
  error = (message: unknown, ...more: unknown[]): void => this.write('error', message, more);
  warn = (message: unknown, ...more: unknown[]): void => this.write('warn', message, more);
  debug = (message: unknown, ...more: unknown[]): void => this.write('debug', message, more);
  verbose = (message: unknown, ...more: unknown[]): void => this.write('trace', message, more);
  fatal = (message: unknown, ...more: unknown[]): void => this.write('fatal', message, more);

  /** Nest gives the context last, and a stack before it. */
  private write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', message: unknown, more: unknown[]): void {
    const context = more.at(-1);
    const details = more.slice(0, -1).filter(Boolean);
    this.pino[level](
      { context, ...(details.length > 0 && { details }), ...(message instanceof Error && { err: message }) },
      message instanceof Error ? message.message : String(message),
    );
  }
}
