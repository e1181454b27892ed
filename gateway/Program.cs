using DurableGateway.Cli;
using DurableGateway.Configuration;
using DurableGateway.Hosting;
using DurableGateway.Storage;

if (args is [RunsCommand.Name, ..]) return await RunsCommand.RunAsync(args);
if (args is [ConfigCommand.Name, ..]) return await ConfigCommand.RunAsync(args);
if (args is [StoreCommand.Name, ..]) return await StoreCommand.RunAsync(args);
if (args is [HealthCheck.Command, .. var rest]) return await HealthCheck.RunAsync(rest, Console.Out);
if (args is ["--help" or "-h" or "-?" or "help"])
{
    Console.WriteLine(StartOptions.Usage);
    return 0;
}

if (args is ["--version" or "version"])
{
    Console.WriteLine(Banner.Version);
    return 0;
}

try
{
    await using var app = GatewayApp.Build(args);
    try
    {
        await app.StartAsync();
        Banner.Print(app);
        await app.WaitForShutdownAsync();
    }
    catch (OperationCanceledException)
    {
        // SIGTERM arrived during the start.
    }
    catch
    {
        // Background services that have started would use what is disposed, and the host would report that as errors of their own.
        await app.StopAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw;
    }

    // The store may be refused only after the start, which stops the host.
    if (app.Services.GetRequiredService<StoreConnection>().Opened is { IsFaulted: true } refused) await refused;
    return 0;
}
catch (Exception e) when (StartErrors.Explain(e) is { } message)
{
    await Console.Error.WriteLineAsync(message);
    return 2;
}

// The ASP.NET Core source generator makes Program public otherwise.
internal sealed partial class Program;
