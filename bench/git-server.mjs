// The repositories below a directory behind git's own server program (`git http-backend`), by HTTP.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

export function gitServer(root) {
  return createServer((request, response) => {
    const { pathname, search } = new URL(request.url, 'http://host');
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => undefined);
    response.on('close', () => child.kill());
    let head = Buffer.alloc(0);
    child.stdout.on('data', function first(piece) {
      head = Buffer.concat([head, piece]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      child.stdout.off('data', first);
      for (const line of head.subarray(0, end).toString().split('\r\n')) {
        const [name, value] = line.split(': ');
        if (name !== 'Status') response.setHeader(name, value);
        else response.statusCode = Number(value.slice(0, 3));
      }
      response.write(head.subarray(end + 4));
      child.stdout.pipe(response);
    });
  });
}
