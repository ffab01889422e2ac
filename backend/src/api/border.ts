import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StandardSchemaSerializerInterceptor, type INestApplicationContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { reportOf } from '@atelier/sdk';
import compression from 'compression';
import type { RequestHandler } from 'express';
import type { Server as SocketServer, ServerOptions } from 'socket.io';
import type { Options } from '../command-line.js';
import { ContractPipe } from './contract.pipe.js';
import { ErrorFilter } from './error.filter.js';
import { CannotListen, PortTaken } from './errors.js';
import { checkCaller } from './gate.js';
import { jsonBody } from './json-body.js';
import { apiDocs } from './openapi.js';
import { page, pageSafety } from './page.js';

/** Everything a request passes before it reaches a controller, and what a reply passes on its way out. */
export function setUpBorder(app: NestExpressApplication, options: Options): void {
  app.disable('x-powered-by');
  app.use(gate(options), pageSafety(options), compression(), jsonBody(), apiDocs(app), page(options));
  app.useGlobalPipes(new ContractPipe());
  app.useGlobalFilters(new ErrorFilter());
  app.useGlobalInterceptors(new StandardSchemaSerializerInterceptor(app.get(Reflector)));
  app.useWebSocketAdapter(new GuardedSockets(app, options));
}

/** Starts to listen; an address that cannot be had is named. */
export async function listen(app: NestExpressApplication, { host, port }: Options): Promise<number> {
  const server = app.getHttpServer() as Server;
  await app.init();
  try {
    await once(server.listen(port, host), 'listening'); // app.listen() would log the error a second time
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    throw error.code === 'EADDRINUSE' ? new PortTaken(port, error) : new CannotListen(host, port, error);
  }
  return (server.address() as AddressInfo).port;
}

function gate(options: Options): RequestHandler {
  return (request, _response, next) => {
    checkCaller(request.headers, options);
    next();
  };
}

/** Sockets come in through the same gate as requests. */
class GuardedSockets extends IoAdapter {
  constructor(
    app: INestApplicationContext,
    private readonly options: Options,
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): SocketServer {
    return super.createIOServer(port, {
      ...options,
      serveClient: false,
      maxHttpBufferSize: 100_000, // pages say little
      allowRequest: (request, decide) => {
        try {
          checkCaller(request.headers, this.options);
          decide(null, true);
        } catch (error) {
          decide(reportOf(error).message, false);
        }
      },
    } as ServerOptions) as SocketServer;
  }
}
