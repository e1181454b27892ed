using System.Runtime.CompilerServices;

namespace DurableGateway.Client.Tests.Api;

/// <summary><c>sdk-client/dotnet/API.md</c> is made of the doc comments, and is never older than they are.</summary>
public sealed class ApiReferenceTests
{
    private static readonly ApiReference Reference = ApiReference.Of(typeof(IStep).Assembly,
        typeof(DurableStepsEndpointExtensions).Assembly);

    /// <summary>With DURABLE_TESTS_WRITE=api it writes the page instead.</summary>
    [Fact]
    public async Task Reference_IsUpToDate()
    {
        var file = Path.Combine(Here(), "../../../sdk-client/dotnet/API.md");
        if (Environment.GetEnvironmentVariable("DURABLE_TESTS_WRITE") == "api") await File.WriteAllTextAsync(file, Reference.Page);
        Assert.Equal(Reference.Page, await File.ReadAllTextAsync(file));
    }

    [Fact]
    public void Everything_PublicIsDescribed() => Assert.Empty(Reference.Undescribed);

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
