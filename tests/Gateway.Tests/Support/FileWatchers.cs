using System.Runtime.CompilerServices;

namespace DurableGateway.Tests.Support;

/// <summary>
/// Disables the file watchers of hosts. Each host would use a system watcher for its <c>appsettings.json</c>, and the limit of 128 per user
/// is too low for these tests.
/// </summary>
internal static class FileWatchers
{
    [ModuleInitializer]
    internal static void DoWithout() => Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");
}
