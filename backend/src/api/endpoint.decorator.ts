import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SerializeOptions } from '@nestjs/common';
import type { Endpoint as EndpointContract } from '@atelier/sdk/contracts';

/** Which method answers which endpoint, for the documentation. */
export const documented: { prototype: object; method: string; endpoint: EndpointContract }[] = [];

/** Puts a method under the address of a contract: route, status and reply schema come from there. */
export function Endpoint(endpoint: EndpointContract): MethodDecorator {
  return applyDecorators(
    RequestMapping({ method: RequestMethod[endpoint.method], path: endpoint.path }),
    HttpCode(endpoint.status ?? 200),
    SerializeOptions({ schema: endpoint.reply }),
    (prototype: object, method: string | symbol) => void documented.push({ prototype, method: String(method), endpoint }),
  );
}
