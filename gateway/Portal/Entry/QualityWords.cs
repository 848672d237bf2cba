using Exchange.Gateway.Quality;

namespace Exchange.Gateway.Portal.Entry;

internal static class QualityWords
{
    public static string Grade(QualityGrade grade, Visit visit) => grade switch
    {
        QualityGrade.Excellent => visit.T("优秀", "excellent"),
        QualityGrade.Good => visit.T("良好", "good"),
        QualityGrade.Sufficient => visit.T("合格", "sufficient"),
        _ => visit.T("待改进", "to be improved"),
    };

    public static string Dimension(QualityDimension dimension, Visit visit) => dimension switch
    {
        QualityDimension.Findability => visit.T("易找", "Findability"),
        QualityDimension.Completeness => visit.T("完整", "Completeness"),
        QualityDimension.Timeliness => visit.T("及时", "Timeliness"),
        QualityDimension.MachineReadability => visit.T("机器可读", "Machine readability"),
        QualityDimension.Legality => visit.T("合规", "Legality"),
        _ => visit.T("可用", "Reuse"),
    };
}
