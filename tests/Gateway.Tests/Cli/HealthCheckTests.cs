using System.Net;
using System.Net.Sockets;
using DurableGateway.Cli;

namespace DurableGateway.Tests.Cli;

public sealed class HealthCheckTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8081", "http://127.0.0.1:8081/")]
    [InlineData("http://10.0.0.7:9000", "http://10.0.0.7:9000/")]
    [InlineData("http://[::1]:8081", "http://[::1]:8081/")]
    [InlineData("http://*:8081", "http://localhost:8081/")]
    [InlineData("http://0.0.0.0:8081", "http://localhost:8081/")]
    [InlineData("https://[::]:8443", "https://localhost:8443/")]
    [InlineData("http://gateway:8081", "http://localhost:8081/")]
    public void Listener_IsReachedFromItsOwnMachine(string listener, string url) =>
        Assert.Equal(url, HealthCheck.Reach(BindingAddress.Parse(listener)).AbsoluteUri);

    [Theory]
    [InlineData(200, 0)]
    [InlineData(503, 1)]
    public async Task Answer_BecomesTheExitStatus(int status, int exit)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var asked = AnswerOnceAsync(listener, status);
        var said = new StringWriter();
        Assert.Equal(exit, await HealthCheck.RunAsync(
            ["--ready", $"--Durable:Listeners:Control=http://*:{((IPEndPoint)listener.LocalEndpoint).Port}"], said));
        Assert.StartsWith("GET /readyz ", await asked);
        Assert.Contains($"{status} said", said.ToString());
    }

    [Theory]
    [InlineData("--url", "http://127.0.0.1:1")]
    [InlineData("--url", "nonsense")]
    [InlineData("--Durable:Listeners:Control=nonsense")]
    [InlineData("--config", "/nowhere/at/all.json")]
    public async Task NoAnswer_IsFailureWithAReason(params string[] args)
    {
        var said = new StringWriter();
        Assert.Equal(1, await HealthCheck.RunAsync(args, said));
        Assert.NotEqual("", said.ToString().Trim());
    }

    private static async Task<string> AnswerOnceAsync(TcpListener listener, int status)
    {
        using var connection = await listener.AcceptTcpClientAsync();
        await using var stream = connection.GetStream();
        using var reader = new StreamReader(stream);
        var first = await reader.ReadLineAsync();
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
        }

        await stream.WriteAsync(System.Text.Encoding.ASCII
            .GetBytes($"HTTP/1.1 {status} X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsaid"));
        return first!;
    }
}
