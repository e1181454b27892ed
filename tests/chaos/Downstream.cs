using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace DurableGateway.Chaos;

/// <summary>
/// What the service calls through the egress listener, as a process that can be killed. It carries out a call once for each
/// <c>Idempotency-Key</c>, as payment providers do, and records every call in a file that remains when it dies.
/// </summary>
internal static class Downstream
{
    /// <summary>The calls of a checkout, in order.</summary>
    public static readonly string[] Kinds = ["charge", "label", "mail"];

    /// <summary>The headers by which the service says, as any program could, for which run and attempt it makes a call.</summary>
    public const string RunHeader = "X-Run";
    public const string AttemptHeader = "X-Attempt";

    public static async Task<int> RunAsync(int port, string journal)
    {
        var known = new Dictionary<(string Kind, string Key), string>();
        if (File.Exists(journal))
        {
            foreach (var call in Read(journal).Where(call => call.IsCarriedOut)) known[(call.Kind, call.Key)] = call.Receipt;
        }

        using var file = new FileStream(journal, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        await using var app = builder.Build();
        app.MapGet("/up", () => "up");
        app.MapPost("/{kind}", async (string kind, HttpContext context) =>
        {
            var arrived = Stopwatch.GetTimestamp();
            var fate = Random.Shared.Next(100);
            if (fate < 8) return Microsoft.AspNetCore.Http.Results.StatusCode(503);
            var headers = context.Request.Headers;
            var receipt = CarryOut(kind, headers["Idempotency-Key"].ToString(), headers[RunHeader].ToString(),
                headers[AttemptHeader].ToString(), arrived);
            await Task.Delay(Random.Shared.Next(20));
            if (fate >= 16) return Microsoft.AspNetCore.Http.Results.Text(receipt);
            context.Abort();
            return Microsoft.AspNetCore.Http.Results.Empty;
        });
        await app.RunAsync();
        return 0;

        string CarryOut(string kind, string key, string run, string attempt, long arrived)
        {
            if (key.Length == 0) key = "-";
            lock (known)
            {
                var isKnown = known.TryGetValue((kind, key), out var receipt) && key != "-";
                receipt = isKnown ? receipt! : Guid.NewGuid().ToString("N")[..8];
                file.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                    $"\n{kind} {run} {attempt} {key.Replace(' ', '_')} {receipt} {arrived} {(isKnown ? "again" : "done")} .")));
                known[(kind, key)] = receipt;
                return receipt;
            }
        }
    }

    public static IEnumerable<CallEvent> Read(string journal)
    {
        using var stream = new FileStream(journal, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);

        // The last line may be incomplete, because the process is killed while it writes.
        foreach (var line in reader.ReadToEnd().Split('\n'))
        {
            if (line.Split(' ') is [var kind, var run, var attempt, var key, var receipt, var at, ("done" or "again") and var what, "."])
            {
                yield return new CallEvent(run, kind, int.Parse(attempt, CultureInfo.InvariantCulture), key, receipt,
                    long.Parse(at, CultureInfo.InvariantCulture), IsCarriedOut: what == "done");
            }
        }
    }
}
