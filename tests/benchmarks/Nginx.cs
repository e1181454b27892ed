using DurableGateway.Tests.Support;

namespace DurableGateway.Benchmarks;

/// <summary>nginx as a proxy with kept connections, one worker for each processor.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-bench-nginx-").FullName;

    private Nginx(string program, Uri service)
    {
        var port = FreePort.Next();
        Url = new Uri($"http://127.0.0.1:{port}");
        File.WriteAllText(Path.Combine(_directory, "nginx.conf"), $$"""
            daemon off;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            worker_processes auto;
            pid {{_directory}}/nginx.pid;
            error_log {{_directory}}/error.log;
            events { worker_connections 1024; }
            http {
              access_log off;
              keepalive_requests 1000000000;
              client_max_body_size 0;
              client_body_temp_path {{_directory}}/body;
              proxy_temp_path {{_directory}}/proxy;
              fastcgi_temp_path {{_directory}}/fastcgi;
              uwsgi_temp_path {{_directory}}/uwsgi;
              scgi_temp_path {{_directory}}/scgi;
              upstream service { server {{service.Authority}}; keepalive 64; keepalive_requests 1000000000; }
              server {
                listen {{Url.Authority}};
                location / {
                  proxy_pass http://service;
                  proxy_http_version 1.1;
                  proxy_request_buffering off;
                  proxy_set_header Connection "";
                  proxy_set_header Host $http_host;
                  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                }
              }
            }
            """);
        Process = ServerProcess.Start(program, ["-e", Path.Combine(_directory, "error.log"), "-c", Path.Combine(_directory, "nginx.conf")]);
    }

    public Uri Url { get; }
    public ServerProcess Process { get; }

    /// <returns>The server, or why there is none.</returns>
    public static async Task<(Nginx? Server, string? Reason)> StartAsync(Uri service)
    {
        if (Machine.Find("nginx") is not { } program) return (null, "nginx is not on the PATH (Debian: nginx-light).");
        var nginx = new Nginx(program, service);
        try
        {
            await Site.AwaitAsync(new Uri(nginx.Url, "/x"), nginx.Process);
            return (nginx, null);
        }
        catch (TimeoutException e)
        {
            await nginx.DisposeAsync();
            return (null, $"it did not start: {e.Message}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
