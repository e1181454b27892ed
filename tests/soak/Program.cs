using System.Diagnostics;
using System.Globalization;
using DurableGateway.Client;
using DurableGateway.Soak;
using DurableGateway.Tests.Support;

var seconds = 60;
var embedded = false;
for (var i = 0; i + 1 < args.Length; i += 2)
{
    if (args[i] == "--seconds") seconds = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
    else if (args[i] == "--store") embedded = args[i + 1] == "embedded";
    else return Usage();
}

if (args.Length % 2 == 1) return Usage();
var directory = Directory.CreateTempSubdirectory("durable-soak-").FullName;
await using var redis = embedded ? null : await RedisServer.StartAsync();
await using var service = Service();
await service.StartAsync();
int publicPort = FreePort.Next(), controlPort = FreePort.Next();
using var gateway = Process.Start(new ProcessStartInfo("dotnet",
[
    Path.Combine(AppContext.BaseDirectory, "gateway.dll"),
    "--upstream", service.Urls.First(),
    $"--Durable:Listeners:Public=http://127.0.0.1:{publicPort}",
    $"--Durable:Listeners:Control=http://127.0.0.1:{controlPort}",
    redis is null ? $"--Durable:Store:DataDirectory={directory}" : $"--Durable:Store:ConnectionString={redis.ConnectionString}",

    // A run is removed two seconds after its end. Runs that do not end by themselves time out.
    "--Durable:Policies:default:Retention=00:00:02",
    "--Durable:Policies:default:RunTimeout=00:00:05",
    "--Durable:Policies:default:Retry:Delay=00:00:00.050",
    "--Logging:LogLevel:Default=None",
])
{ RedirectStandardOutput = true })!;
_ = gateway.StandardOutput.ReadToEndAsync();
try
{
    using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false })
    {
        BaseAddress = new Uri($"http://127.0.0.1:{publicPort}")
    };
    await AwaitAsync(new Uri($"http://127.0.0.1:{controlPort}/readyz"));
    using var stop = new CancellationTokenSource();
    var load = new Load(http);
    var work = load.RunAsync(clients: 8, stop.Token);
    var gauges = new Gauges(gateway.Id, redis, directory);
    Console.WriteLine(
        $"{(embedded ? "embedded store" : "Redis")}, {seconds} s\n{"s",5}{"requests",12}{"keys",10}{"store MiB",12}{"gateway MiB",13}");
    var samples = new List<Sample>();
    for (var second = 0; second < seconds; second += 5)
    {
        await Task.Delay(TimeSpan.FromSeconds(5));
        samples.Add(await gauges.ReadAsync());
        Console.WriteLine(
            $"{second + 5,5}{load.Requests,12:N0}{samples[^1].Keys,10:N0}{samples[^1].StoreMiB,12:N0}{samples[^1].GatewayMiB,13:N0}");
    }

    await stop.CancelAsync();
    await work;
    if (redis is not null)
    {
        // When the last run has expired, only the store's metadata and the counts of the minutes remain. The runs expire after some
        // seconds. The index follows within half a minute, and once more half a minute later.
        var began = Stopwatch.StartNew();
        Sample left;
        do
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            left = await gauges.ReadAsync();
        }
        while (left.Keys > 1 && began.Elapsed < TimeSpan.FromSeconds(100));
        samples.Add(left);
        Console.WriteLine($"  end{load.Requests,12:N0}{samples[^1].Keys,10:N0}{samples[^1].StoreMiB,12:N0}{samples[^1].GatewayMiB,13:N0}");
    }

    var growth = Sample.Growth(samples, redis is not null);
    if (growth is not null && redis is not null)
    {
        foreach (var key in (await Gauges.LeftAsync(redis)).Take(20)) Console.WriteLine($"left: {key}");
    }

    Console.WriteLine(growth is null && load.Failures == 0
        ? "soak: flat"
        : $"soak: FAILED ({growth ?? $"{load.Failures} requests failed"})");
    return growth is null && load.Failures == 0 ? 0 : 1;
}
finally
{
    gateway.Kill();
    await gateway.WaitForExitAsync();
    Directory.Delete(directory, recursive: true);
}

static int Usage()
{
    Console.Error.WriteLine("dotnet run -c Release --project tests/soak -- [--seconds 60] [--store redis|embedded]");
    return 2;
}

static WebApplication Service()
{
    var builder = WebApplication.CreateSlimBuilder();
    builder.Logging.ClearProviders();
    builder.WebHost.UseUrls("http://127.0.0.1:0");
    builder.Services.AddDurableSteps();
    var app = builder.Build();
    app.MapGet("/quick", () => "done");
    app.MapPost("/steps", async (IStep step) =>
    {
        await step.RunAsync("one", _ => Task.FromResult(new string('x', 20_000)));
        if (step.Run.Attempt == 1) await step.RunAsync("two", _ => throw new InvalidOperationException("once"));
        await step.RunAsync("two", _ => Task.FromResult(2));
        return Microsoft.AspNetCore.Http.Results.Bytes(new byte[100_000]);
    }).WithDurableSteps();
    app.MapPost("/never", () => Microsoft.AspNetCore.Http.Results.StatusCode(503));
    return app;
}

static async Task AwaitAsync(Uri ready)
{
    using var http = new HttpClient();
    for (var tries = 0; tries < 200; tries++)
    {
        try
        {
            using var answer = await http.GetAsync(ready);
            if (answer.IsSuccessStatusCode) return;
        }
        catch (HttpRequestException)
        {
            // The gateway does not answer yet.
        }

        await Task.Delay(50);
    }

    throw new TimeoutException("The gateway is not ready.");
}
