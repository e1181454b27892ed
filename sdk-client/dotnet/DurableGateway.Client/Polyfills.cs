#if NETSTANDARD2_0
namespace System.Diagnostics.CodeAnalysis
{
    /// <summary>The compiler finds the type by its name.</summary>
    [AttributeUsage(AttributeTargets.All, AllowMultiple = true)]
    internal sealed class UnconditionalSuppressMessageAttribute(string category, string checkId) : Attribute
    {
        public string Category { get; } = category;
        public string CheckId { get; } = checkId;
        public string? Justification { get; set; }
    }
}

namespace System.Runtime.CompilerServices
{
    /// <summary>The compiler requires the type for <c>init</c> accessors.</summary>
    internal static class IsExternalInit;
}
#endif
