using System.Runtime.CompilerServices;

namespace DurableGateway.Tests.Support;

/// <summary>
/// Each host would watch its <c>appsettings.json</c> with a watcher of the system's, of which a user has 128: too few for the many
/// gateways and services of these tests.
/// </summary>
internal static class FileWatchers
{
    [ModuleInitializer]
    internal static void DoWithout() => Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");
}
