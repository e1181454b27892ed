namespace DurableGateway.Soak;

/// <summary>Mixed load: quick successes, runs with steps that succeed later, runs that never end, and idempotency keys.</summary>
internal sealed class Load(HttpClient http)
{
    private int _requests;
    private int _failures;

    public int Requests => _requests;
    public int Failures => _failures;

    public Task RunAsync(int clients, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            for (var turn = client; !stop.IsCancellationRequested; turn++)
            {
                var (expected, answer) = (turn % 20) switch
                {
                    0 => (202, await SendAsync(HttpMethod.Post, "/never", "Prefer", "respond-async")),
                    < 6 => (200, await SendAsync(HttpMethod.Post, "/steps", "Idempotency-Key", Guid.NewGuid().ToString())),
                    _ => (200, await SendAsync(HttpMethod.Get, "/quick")),
                };
                Interlocked.Increment(ref _requests);
                if (answer != expected) Interlocked.Increment(ref _failures);
            }
        }, CancellationToken.None)));

    private async Task<int> SendAsync(HttpMethod method, string path, string? header = null, string? value = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (method == HttpMethod.Post) request.Content = new ByteArrayContent(new byte[10_000]);
        if (header is not null) request.Headers.TryAddWithoutValidation(header, value);
        using var answer = await http.SendAsync(request);
        await answer.Content.CopyToAsync(Stream.Null);
        return (int)answer.StatusCode;
    }
}
