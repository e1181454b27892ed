using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace DurableGateway.Client.Tests;

/// <summary>The command of the README's section about services that nobody may change. The tests are built with what it starts.</summary>
public sealed partial class LegacyCheckoutTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Command_ChargesTwiceWithoutTheListener_AndOnceWithIt()
    {
        var project = Path.Combine(Root(), "sdk-client", "samples", "LegacyCheckout");
        if (!Directory.Exists(project)) Assert.Skip($"The sample is not at {project}.");
        var configuration = typeof(LegacyCheckoutTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        using var demonstration = Process.Start(new ProcessStartInfo("dotnet",
            ["run", "--no-build", "--configuration", configuration, "--project", project])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        })!;
        var (output, error) = (demonstration.StandardOutput.ReadToEndAsync(), demonstration.StandardError.ReadToEndAsync());
        try
        {
            await demonstration.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            demonstration.Kill(entireProcessTree: true);
            throw;
        }

        var said = await output;
        Assert.True(demonstration.ExitCode == 0, said + await error);
        Assert.Equal([("charge", 2, 1), ("label", 2, 1), ("mail", 1, 1)], Row().Matches(said).Select(row => (row.Groups[1].Value,
            int.Parse(row.Groups[2].Value, CultureInfo.InvariantCulture), int.Parse(row.Groups[3].Value, CultureInfo.InvariantCulture))));
        Assert.Equal(2, said.Split("The client gets 200").Length - 1);
    }

    [GeneratedRegex(@"^  (\w+) +(\d+) +(\d+)\s*$", RegexOptions.Multiline)]
    private static partial Regex Row();

    private static string Root([CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", ".."));
}
