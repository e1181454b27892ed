using DurableGateway.Diagnostics;

namespace DurableGateway.Storage;

/// <summary>Keeps the digests of the embedded store's log up to date in the background.</summary>
internal sealed class AofDigestWriter : IDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly CompactingServer _server;
    private readonly AofFiles _files;
    private readonly AofDigests _digests;
    private readonly ILogger _log;
    private readonly PeriodicTimer _timer = new(Every);
    private readonly Task _working;

    public AofDigestWriter(CompactingServer server, AofFiles files, AofDigests digests, ILogger log)
    {
        (_server, _files, _digests, _log) = (server, files, digests, log);
        _working = RunAsync();
    }

    /// <summary>Adds the remaining digests. Call it before the server is disposed.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        _working.GetAwaiter().GetResult();
        Advance();
    }

    private async Task RunAsync()
    {
        while (await _timer.WaitForNextTickAsync().ConfigureAwait(false)) Advance();
    }

    private void Advance()
    {
        try
        {
            var (begin, committed) = _server.Committed;
            _digests.Advance(_files, begin, committed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A block without a digest is readable, but damage to it may stay undetected.
            _log.NoDigests(e.Message);
        }
    }
}
