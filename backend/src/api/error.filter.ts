import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { reportOf, type ErrorKind, type ErrorReport } from '@atelier/sdk';
import type { Request, Response } from 'express';
import type { Socket } from 'socket.io';
import { AddressNotFound } from './errors.js';

const statuses: Record<ErrorKind, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  unavailable: 503,
  internal: 500,
};

/** The border where errors leave the server: every one as `{ code, message, hint }`, in A1111's dialect with `detail` too. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger('api');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const isUnknownAddress = thrown instanceof HttpException && thrown.getStatus() === 404;
    const report = reportOf(isUnknownAddress ? new AddressNotFound(request.method, request.path) : thrown);
    if (report.kind === 'internal') this.log.error(report.message, report.details);
    if (response.headersSent) return void response.destroy(); // in the middle of a file; the caller sees it cut off
    if (report.kind === 'unauthorized') response.setHeader('WWW-Authenticate', 'Basic realm="Atelier", charset="UTF-8"');
    const isSdapi = request.path.startsWith('/sdapi/');
    response
      .status(isSdapi && report.kind === 'invalid' ? 422 : statuses[report.kind])
      .json(isSdapi ? { detail: report.message, ...publicPart(report) } : publicPart(report));
  }
}

/** The same for messages over a socket: the sender gets the error as an `exception` event, and as the answer it waits for. */
@Catch()
export class SocketErrorFilter implements ExceptionFilter {
  private readonly log = new Logger('api');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const report = reportOf(thrown);
    if (report.kind === 'internal') this.log.error(report.message, report.details);
    host.switchToWs().getClient<Socket>().emit('exception', publicPart(report));
    const acknowledge: unknown = host.getArgByIndex(2);
    if (typeof acknowledge === 'function') acknowledge({ error: publicPart(report) });
  }
}

/** Without the stack: that is in the log. */
function publicPart({ code, message, hint, extension, hook }: ErrorReport): Omit<ErrorReport, 'kind' | 'details'> {
  return { code, message, hint, ...(extension && { extension }), ...(hook && { hook }) };
}
