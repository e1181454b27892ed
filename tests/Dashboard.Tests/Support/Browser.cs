using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(DurableGateway.Dashboard.Tests.Support.Browser))]

namespace DurableGateway.Dashboard.Tests.Support;

/// <summary>Debian's chromium, shared by all tests because its start takes long.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string? Executable = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator)
        .Select(directory => Path.Combine(directory, "chromium")).FirstOrDefault(File.Exists);

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        if (Executable is null) return;

        // A deadline, not a measured time: tests run in parallel, and the machine may have other work.
        Assertions.SetDefaultExpectTimeout(60_000);
        _playwright = await Playwright.CreateAsync();

        // Chromium has no sandbox as root, as in CI containers. It opens only pages of these tests.
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Executable,
            Args = ["--no-sandbox", "--disable-dev-shm-usage"],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    /// <summary>Skips the test if there is no browser, unless <c>DURABLE_TESTS_REQUIRE</c> requires one.</summary>
    internal async Task<IBrowserContext> OpenAsync(int width = 1280, int height = 800, ColorScheme scheme = ColorScheme.Light)
    {
        if (_browser is null)
        {
            const string Missing = "there is no chromium; Debian's package is enough.";
            var required = Environment.GetEnvironmentVariable("DURABLE_TESTS_REQUIRE") ?? "";
            Assert.False(required.Contains("chromium", StringComparison.OrdinalIgnoreCase),
                $"DURABLE_TESTS_REQUIRE names chromium, but {Missing}");
            Assert.Skip(Missing);
        }

        return await _browser!.NewContextAsync(new()
        {
            ViewportSize = new() { Width = width, Height = height },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce
        });
    }
}
