using System.Runtime.CompilerServices;

namespace DurableGateway.Tests.Support;

/// <summary>The files of this repository, for tests that compare them with the code.</summary>
internal static class Repository
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Here(), "..", "..", ".."));

    /// <summary>Reads a file of the repository. Skips the test if the sources are not on this machine.</summary>
    public static string Read(string file)
    {
        var path = Path.Combine(Root, file);
        if (!File.Exists(path)) Assert.Skip($"The source is not at {Root}.");
        return File.ReadAllText(path);
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
