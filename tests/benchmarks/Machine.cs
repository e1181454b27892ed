namespace DurableGateway.Benchmarks;

internal static class Machine
{
    /// <summary>
    /// Processes that want to run, on average of the last minute: figures that are times mean little where others are at work.
    /// </summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    /// <summary>A program of this name, or <see langword="null"/>.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/sbin")
            .Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);
}
