using System.Runtime.CompilerServices;

namespace DurableGateway.Client.Tests.Api;

/// <summary><c>sdk-client/dotnet/API.md</c> is generated from the doc comments, and is up to date.</summary>
public sealed class ApiReferenceTests
{
    private static readonly ApiReference Reference = ApiReference.Of(typeof(IStep).Assembly,
        typeof(DurableStepsEndpointExtensions).Assembly);

    /// <summary>With <c>DURABLE_TESTS_WRITE=api</c>, the test writes the page.</summary>
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
